"""The desk by itself: who is answered, by whom, when."""

from rendezvous_contracts.digest import body_digest
from rendezvous_contracts.values import to_fields
from rendezvous_gateway.admission import Admitted, Answered, Arrived, Limits, Question, Refused
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.memory import Reply
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Send
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.request_pb2 import Request

from tests.support.digests import request_digest
from tests.unit.gateway.support import WINE, answer_to, revision

SLA_US = WINE.sla_us
TOLERANCE_US = 15_000
WALL = 1_700_000_000_000_000
LIMITS = Limits(tolerance_us=TOLERANCE_US, pending=100, backlog=1_000, remember_bytes=1_000_000)


def at(mono: int) -> Now:
    return Now(mono, WALL + mono)


def question(request_id: str = "r-1", alcohol: float = 9.4, budget_us: int = 0) -> Question:
    body = Request(route="wine", fields=to_fields({"alcohol": alcohol})).SerializeToString(deterministic=True)
    return Question(request_id, revision(), body_digest(body), body, budget_us)


class Waiting:
    """A desk and all that its waiters were told."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.desk = Desk(limits)
        self.desk.own({0, 1, 2, 3})
        self.told: list[Reply] = []

    def admit(self, asked: Question, mono: int = 0, backlog: int = 0) -> Admitted | Answered | Refused:
        return self.desk.admit(asked, self.told.append, at(mono), backlog)

    def send(self, asked: Question, mono: int = 0) -> Send:
        outcome = self.admit(asked, mono)
        assert isinstance(outcome, Admitted)
        assert outcome.send is not None
        return outcome.send

    def sources(self) -> list[int]:
        return [reply.answer.source for reply in self.told]


def test_what_is_sent_is_the_question_with_its_stamps_and_its_digest() -> None:
    waiting = Waiting()
    send = waiting.send(question(budget_us=20_000), 5)
    request = Request.FromString(send.value)
    assert (request.id, request.route, request.sent_at_us) == ("r-1", "wine", WALL + 5)
    assert (request.budget_us, send.key) == (20_000, b"r-1")
    assert request.fields == to_fields({"alcohol": 9.4})
    assert request_digest(request) == question().digest


def test_the_first_answer_counts_and_every_other_is_counted() -> None:
    waiting = Waiting()
    send = waiting.send(question())
    first, second = answer_to(send, model="a@1"), answer_to(send, model="b@1")
    stranger = Arrived(Reply(Answer(id="x"), 0), b"")
    waiting.desk.arrive([first, second, stranger, first])
    assert [reply.answer.model for reply in waiting.told] == ["a@1"]
    tally = waiting.desk.tally
    assert (tally.answered, tally.duplicate, tally.unknown, len(waiting.desk)) == (1, 2, 1, 0)


def test_the_default_leaves_when_deadline_and_tolerance_have_passed_and_not_before() -> None:
    for budget_us, due in ((0, SLA_US), (20_000, 20_000), (10 * SLA_US, SLA_US)):
        waiting = Waiting()
        waiting.send(question(budget_us=budget_us), 7)
        assert waiting.desk.next_time() == 7 + due + TOLERANCE_US
        waiting.desk.expire(at(7 + due + TOLERANCE_US - 1))
        assert not waiting.told
        waiting.desk.expire(at(7 + due + TOLERANCE_US))
        (reply,) = waiting.told
        assert (reply.answer.source, reply.answer.outputs) == (Source.SOURCE_GATEWAY, WINE.default)
        assert reply.answer.deadline_us == WALL + 7 + due
        assert "within 15 ms of the deadline" in reply.answer.reason
        assert waiting.desk.next_time() is None


def test_an_answer_after_the_default_changes_nothing() -> None:
    waiting = Waiting()
    send = waiting.send(question())
    waiting.desk.expire(at(SLA_US + TOLERANCE_US))
    waiting.desk.arrive([answer_to(send)])
    again = waiting.admit(question(), SLA_US * 2)
    assert isinstance(again, Answered)
    assert again.reply == waiting.told[0]
    assert (waiting.desk.tally.late, len(waiting.told)) == (1, 1)


def test_a_repeat_in_flight_waits_with_the_first_one() -> None:
    waiting = Waiting()
    send = waiting.send(question())
    assert waiting.admit(question(), 10) == Admitted(None)
    waiting.desk.arrive([answer_to(send)])
    assert len(waiting.told) == 2
    assert waiting.told[0] == waiting.told[1]
    assert (waiting.desk.tally.admitted, waiting.desk.tally.repeated) == (1, 1)


def test_another_body_under_a_known_id_is_refused_in_flight_and_after() -> None:
    waiting = Waiting()
    send = waiting.send(question())
    for _ in range(2):
        refused = waiting.admit(question(alcohol=1.0))
        assert isinstance(refused, Refused)
        assert (refused.code, "another question" in refused.reason) == ("id-conflict", True)
        waiting.desk.arrive([answer_to(send)])


def test_an_answer_to_another_question_under_the_same_id_is_not_taken() -> None:
    waiting = Waiting()
    waiting.send(question())
    other = Waiting().send(question(alcohol=1.0))
    waiting.desk.arrive([answer_to(other)])
    assert (waiting.told, waiting.desk.tally.unknown) == ([], 1)


def test_a_desk_that_is_full_or_has_no_partition_refuses() -> None:
    waiting = Waiting(LIMITS._replace(pending=2))
    assert isinstance(waiting.admit(question("a")), Admitted)
    refused = waiting.admit(question("b"), backlog=LIMITS.backlog)
    assert isinstance(refused, Refused)
    assert (refused.code, refused.retry_after_s) == ("too-many-requests", 1)
    assert isinstance(waiting.admit(question("b")), Admitted)
    refused = waiting.admit(question("c"))
    assert isinstance(refused, Refused)
    assert waiting.admit(question("a")) == Admitted(None), "a repeat takes no place"
    waiting.desk.own(())
    refused = waiting.admit(question("d"))
    assert isinstance(refused, Refused)
    assert refused.code == "not-ready"


def test_a_question_whose_send_failed_is_forgotten_and_can_be_asked_again() -> None:
    waiting = Waiting()
    waiting.send(question())
    waiting.desk.withdraw("r-1")
    again = waiting.send(question(), SLA_US)
    waiting.desk.expire(at(SLA_US + TOLERANCE_US))
    assert not waiting.told, "the first one's time is not the second one's"
    waiting.desk.arrive([answer_to(again)])
    assert len(waiting.told) == 1


def test_memory_is_bounded_and_the_oldest_is_forgotten_first() -> None:
    waiting = Waiting(LIMITS._replace(remember_bytes=2_000))
    for number in range(50):
        waiting.desk.arrive([answer_to(waiting.send(question(f"r-{number}")))])
    assert 0 < waiting.desk.remembered < 10
    assert isinstance(waiting.admit(question("r-49")), Answered)
    assert isinstance(waiting.admit(question("r-0")), Admitted)


def test_the_heap_lets_go_of_answered_requests_long_before_their_deadline() -> None:
    waiting = Waiting()
    for number in range(5_000):
        waiting.desk.arrive([answer_to(waiting.send(question(f"r-{number}")))])
    assert len(waiting.desk._due) <= 1_001
    assert waiting.desk.next_time() is None


def test_requests_are_spread_over_the_partitions_and_repeats_come_to_the_same() -> None:
    desk = Waiting().desk
    desk.own({2, 5, 7})
    found = [desk.partition(f"r-{number}") for number in range(3_000)]
    assert {place: found.count(place) > 900 for place in found} == {2: True, 5: True, 7: True}
    assert found == [desk.partition(f"r-{number}") for number in range(3_000)]


def test_the_partition_of_a_request_is_known_after_the_partitions_have_changed() -> None:
    waiting = Waiting()
    sends = [waiting.send(question(f"r-{number}")) for number in range(20)]
    waiting.desk.arrive([answer_to(send) for send in sends[:10]])
    waiting.desk.own({9})
    assert [waiting.desk.partition(f"r-{place}") for place in range(20)] == [each.partition for each in sends]
    assert waiting.desk.partition("new") == 9
