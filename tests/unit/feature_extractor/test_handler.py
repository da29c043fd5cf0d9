import pytest
from prometheus_client import CollectorRegistry
from rendezvous_control.state import State
from rendezvous_feature_extractor.handler import FeatureExtractor
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.stream import Handler, Headers
from rendezvous_runtime.testing import System
from scoring.v1.control_pb2 import Compute, Extractor, Scale, Select, Step
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request
from scoring.v1.status_pb2 import Passed, Status

from tests.unit.feature_extractor.support import NOW, Log, extractor, handled, input_of, record, request

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture
def log() -> Log:
    log = Log()
    log.set_route()
    return log


def test_it_is_a_handler_that_only_records_wake(log: Log) -> None:
    handler: Handler = extractor(log)

    assert handler.topics == ("requests",)
    assert handler.next_time() is None
    assert handler.on_time(NOW) == ()
    assert handler.checkpoint() == {}


POISON: list[tuple[bytes | None, bytes | None, bytes]] = [
    (b"\xff\xff", None, b"UnreadableError: not a Request message"),
    (None, b"r-1", b"UnreadableError: the record has no value"),
    (b"", None, b"UnreadableError: request id ''"),
    (Request(id="a b", route="wine").SerializeToString(), None, b"UnreadableError: request id 'a b'"),
    (Request(id="x" * 129, route="wine").SerializeToString(), None, b"UnreadableError: request id 'xxx"),
    (b"\x0a\x02\xc3\x28", None, b"UnreadableError: not a Request message"),
    (Request(id="r-1").SerializeToString(), b"r-2", b"UnreadableError: the record's key b'r-2' is not the"),
]


@pytest.mark.parametrize(("value", "key", "reason"), POISON)
def test_what_cannot_be_answered_becomes_a_dead_letter_and_the_next_goes_on(
    log: Log, value: bytes | None, key: bytes | None, reason: bytes
) -> None:
    poison = record(value, key=key, partition=1, offset=7)

    dead, alive = extractor(log).on_records([poison, record(request("r-9"), partition=1)], NOW)

    assert (dead.topic, dead.partition, dead.value) == ("dead-letters", 1, value or b"")
    assert dict(dead.headers or [])["error"].startswith(reason)
    assert (alive.topic, alive.key) == ("inputs", b"r-9")


def test_a_request_without_a_key_is_welcome(log: Log) -> None:
    assert handled(extractor(log), record(request(), key=None)).key == b"r-1"


@pytest.mark.parametrize(
    ("headers", "passed_on"),
    [
        ([("traceparent", TRACE)], [("traceparent", TRACE)]),
        ([("other", b"x"), ("traceparent", TRACE)], [("traceparent", TRACE)]),
        ([("traceparent", b"00-zz-zz-01")], None),
        ([("traceparent", TRACE * 1000)], None),
        ([], None),
        (None, None),
    ],
)
def test_a_well_formed_trace_goes_on_with_the_input(
    log: Log, headers: Headers | None, passed_on: Headers | None
) -> None:
    assert handled(extractor(log), record(request(), headers=headers)).headers == passed_on


def test_a_new_revision_counts_from_the_next_request_on(log: Log) -> None:
    handler = extractor(log)
    before = input_of(handler, record(request("r-1")))
    log.set_route(Step(select=Select(fields=["pH"])))

    after = input_of(handler, record(request("r-2")))

    assert (before.revision, len(before.features.values)) == (1, 3)
    assert (after.revision, list(after.features.values)) == (2, ["pH"])


def test_a_view_that_goes_back_takes_no_partition_back(log: Log) -> None:
    old = log.state
    log.set_route()
    handler = extractor(log)
    assert input_of(handler, record(request("r-1"))).revision == 2

    log.view.publish(old)
    assert input_of(handler, record(request("r-2"))).revision == 2
    log.view.publish(State())
    assert input_of(handler, record(request("r-3"))).revision == 2


def test_revisions_never_go_back_over_a_restart() -> None:
    log = Log()
    log.set_route()
    system = System(partitions=2)
    system.add(extractor(log), name="extractor")
    for place in range(30):
        if place % 7 == 3:
            log.set_route(Step(scale=Scale(field="pH", offset=place, factor=1)))
        if place == 15:
            system.kill("extractor")
            system.restart("extractor", extractor(log))
        asked = request(f"r-{place}", sent_at_us=0)
        system.publish("requests", place % 2, asked.id.encode(), asked.SerializeToString())
        system.run_for(100)
    system.run_for(10_000)

    for partition in range(2):
        inputs = [Input.FromString(one.value() or b"") for one in system.records("inputs", partition)]
        first_seen = list(dict.fromkeys(one.id for one in inputs))
        revisions = [one.revision for one in inputs]
        assert first_seen == [f"r-{place}" for place in range(partition, 30, 2)]
        assert revisions == sorted(revisions)
        assert revisions[-1] == 5


def passed(handler: FeatureExtractor) -> list[Passed]:
    status = Status()
    handler.describe(status)
    return sorted(status.passed, key=lambda one: (one.route, one.partition))


def test_status_says_which_revision_passed_where(log: Log) -> None:
    log.set_route(name="beer")
    handler = extractor(log)
    handler.on_records([record(request(), partition=0), record(request(route="beer"), partition=1)], NOW)
    log.set_route()
    handler.on_records([record(request("r-2"), partition=2), record(request(route="nowhere"))], NOW)

    assert passed(handler) == [
        Passed(route="beer", partition=1, revision=1),
        Passed(route="wine", partition=0, revision=1),
        Passed(route="wine", partition=2, revision=2),
    ]
    handler.on_revoke([0, 1], NOW)
    assert passed(handler) == [Passed(route="wine", partition=2, revision=2)]


def test_a_problem_passes_a_revision_too(log: Log) -> None:
    log.set_route(Step(select=Select(fields=["nothing"])))
    handler = extractor(log)

    assert input_of(handler, record(request())).problem
    assert passed(handler) == [Passed(route="wine", partition=0, revision=2)]


def test_a_revision_that_cannot_extract_is_a_problem_of_each_request(log: Log) -> None:
    broken = Extractor(steps=[Step(compute=Compute(field="x", expression="1 +"))])
    log.state.routes["wine"].current.route.extractor.CopyFrom(broken)

    found = input_of(extractor(log), record(request()))

    assert found.problem.startswith("revision 1 of route wine cannot extract: step 1 (compute): character 4")
    assert found.revision == 1


def test_outcomes_are_counted_by_route(log: Log) -> None:
    registry = CollectorRegistry()
    log.set_route(Step(select=Select(fields=["pH"])))
    handler = extractor(log, registry)

    handler.on_records(
        [
            record(request()),
            record(request(fields={"x": 1})),
            record(request(route="nowhere")),
            record(b"\xff"),
            record(request(sent_at_us=2**63)),
        ],
        NOW,
    )

    def count(route: str, outcome: str) -> float | None:
        labels = {"route": route, "outcome": outcome}
        return registry.get_sample_value("rendezvous_extractor_requests_total", labels)

    assert count("wine", "extracted") == 2
    assert count("wine", "problem") == 1
    assert count("", "unknown_route") == 1
    assert count("", "dead_letter") == 1
    assert count("wine", "future_stamp") == 1


def test_an_empty_log_answers_nothing_but_says_so() -> None:
    log = Log()
    log.view = ControlView()

    assert input_of(extractor(log), record(request())).problem == "there is no route 'wine'"
