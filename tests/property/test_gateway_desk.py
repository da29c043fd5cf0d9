"""Any interleaving of questions, repeats, answers, time and rebalances: one answer each, and in time."""

from collections import defaultdict

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from rendezvous_gateway.admission import Admitted, Answered, Limits
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.memory import Reply
from rendezvous_runtime.stream import Send
from scoring.v1.answer_pb2 import Source

from tests.unit.gateway.support import answer_to
from tests.unit.gateway.test_desk import SLA_US, TOLERANCE_US, at, question

IDS = st.sampled_from([f"r-{number}" for number in range(12)])
LIMITS = Limits(tolerance_us=TOLERANCE_US, pending=8, backlog=5, remember_bytes=3_000)


class DeskMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk(LIMITS)
        self.now = 0
        self.sends: list[Send] = []
        self.due: dict[int, int] = {}
        self.told: defaultdict[int, list[tuple[int, Reply]]] = defaultdict(list)
        self.ids: dict[int, str] = {}

    @rule(partitions=st.sets(st.integers(0, 3)))
    def rebalance(self, partitions: set[int]) -> None:
        self.desk.own(partitions)

    @rule(
        request_id=IDS,
        alcohol=st.sampled_from([9.0, 10.0]),
        budget_us=st.sampled_from([0, 1, 20_000, 10**9]),
        backlog=st.sampled_from([0, 0, 0, 5]),
    )
    def ask(self, request_id: str, alcohol: float, budget_us: int, backlog: int) -> None:
        ticket = len(self.ids)
        asked = question(request_id, alcohol, budget_us)
        partitions = self.desk.partitions
        outcome = self.desk.admit(
            asked, lambda reply: self.told[ticket].append((self.now, reply)), at(self.now), backlog
        )
        if isinstance(outcome, Answered):
            assert outcome.reply.answer.id == request_id
            assert outcome.reply.answer.digest == asked.digest
        if not isinstance(outcome, Admitted):
            return
        self.ids[ticket] = request_id
        if outcome.send is not None:
            assert outcome.send.partition in partitions
            assert backlog < LIMITS.backlog
            self.sends.append(outcome.send)
            self.due[ticket] = self.now + min(budget_us or SLA_US, SLA_US) + TOLERANCE_US
        else:
            first = next(each for each in self.ids if self.ids[each] == request_id and not self.told[each])
            self.due[ticket] = self.due[first]

    @rule(places=st.lists(st.integers(0, 30), max_size=6))
    def answer(self, places: list[int]) -> None:
        self.desk.arrive([answer_to(self.sends[place]) for place in places if place < len(self.sends)])

    @rule(us=st.sampled_from([1, 1_000, TOLERANCE_US, SLA_US - 1, SLA_US]))
    def pass_time(self, us: int) -> None:
        end = self.now + us
        while (due := self.desk.next_time()) is not None and due <= end:
            self.now = max(self.now, due)
            self.desk.expire(at(self.now))
        self.now = end

    @invariant()
    def every_admitted_request_has_one_answer_by_its_time(self) -> None:
        for ticket, due in self.due.items():
            told = self.told[ticket]
            assert len(told) <= 1
            assert told or self.now < due, "nobody waits past the deadline and the tolerance"
            if told:
                when, reply = told[0]
                assert when <= due
                assert reply.answer.id == self.ids[ticket]
                assert reply.answer.source != Source.SOURCE_GATEWAY or when == due

    @invariant()
    def what_waits_is_bounded(self) -> None:
        assert len(self.desk) <= LIMITS.pending
        assert len(self.desk) == len({self.ids[each] for each in self.due if not self.told[each]})


TestDesk = DeskMachine.TestCase
TestDesk.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
