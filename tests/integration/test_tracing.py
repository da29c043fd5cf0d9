"""Traces: the spans of one request over all hops, as a real receiver gets them, and that off is off."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any, TypeVar

import pytest
from rendezvous_contracts.topics import ANSWERS, DEAD_LETTERS, DECISIONS, INPUTS, REQUESTS, SCORES
from rendezvous_contracts.values import to_fields
from rendezvous_gateway.admission import Question
from rendezvous_gateway.app import read_limits
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.settings import GatewaySettings
from rendezvous_gateway.tracing import TracedExchange
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.settings import read_settings
from rendezvous_runtime.stream import Handler, Headers
from rendezvous_runtime.tracing import start_tracing
from rendezvous_runtime.tracing.hops import HopTraces
from rendezvous_runtime.tracing.spans import Tracing
from rendezvous_service.settings import RendezvousSettings
from scoring.v1.request_pb2 import Request

from tests.support.otlp import Received, Receiver, receiving
from tests.support.questions import FOREST, LINEAR, MLP, MS
from tests.support.whole import PARTITIONS, Whole
from tests.unit.gateway.support import TestLog, answer_to, revision

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVER, CONSUMER, INTERNAL = 2, 5, 1
Some = TypeVar("Some", bound=Handler)


def traceparent(*, sampled: bool = True) -> Headers:
    return [("traceparent", f"00-{TRACE}-{CALLER}-{int(sampled):02x}".encode())]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def tracing(receiver: Receiver) -> Iterator[Tracing]:
    made = start_tracing(RendezvousSettings.model_validate({"traces_endpoint": receiver.endpoint}))
    assert made is not None
    yield made
    made.close()


class TracedWhole(Whole):
    """The whole system in memory, each of its processes traced as the data plane would have it."""

    def __init__(self, tracing: Tracing, seed: int = 1) -> None:
        self._tracing = tracing
        self.traces: list[HopTraces] = []
        super().__init__(seed)

    def _traced(self, handler: Some, *, joins: bool = False) -> Some:
        traces = HopTraces(self._tracing, self.system.clock, joins=joins)
        self.traces.append(traces)
        on_records, on_time = handler.on_records, handler.on_time
        patched: Any = handler
        patched.on_records = lambda records, now: traces.on_records(records, on_records(records, now), now)
        patched.on_time = lambda now: traces.on_time(on_time(now), now)
        return handler

    def _extractor(self, build: str = "") -> Any:
        return self._traced(super()._extractor(build))

    def _container(self, name: str) -> Any:
        return self._traced(super()._container(name))

    def _rendezvous(self, build: str = "") -> Any:
        return self._traced(super()._rendezvous(build), joins=True)

    def ask_with(self, name: str, headers: Headers | None, route: str = "wine") -> None:
        request = Request(
            id=name,
            route=route,
            sent_at_us=self.system.clock.now().wall,
            fields=to_fields({"alcohol": 9.5}),
        )
        self.system.publish(REQUESTS, 1, name.encode(), request.SerializeToString(), headers)


def one(spans: list[Received], name: str) -> Received:
    (found,) = [span for span in spans if span.name == name]
    return found


def test_one_request_is_one_trace_with_a_span_for_each_hop_and_links_where_scores_meet(
    receiver: Receiver, tracing: Tracing
) -> None:
    whole = TracedWhole(tracing)
    whole.delays[MLP] = 80 * MS  # after the champion has answered
    whole.ask_with("r1", traceparent())
    whole.system.run_for(300 * MS)
    tracing.close()

    spans = receiver.spans
    assert {span.trace for span in spans} == {TRACE}
    names = sorted(span.name for span in spans)
    assert names == ["close", "decide", "extract", *sorted(f"score {each}" for each in (FOREST, LINEAR, MLP))]
    extract, decide, close = (one(spans, name) for name in ("extract", "decide", "close"))
    scores = {name: one(spans, f"score {name}") for name in (FOREST, LINEAR, MLP)}
    assert extract.parent == CALLER
    assert {span.parent for span in scores.values()} == {extract.id}
    assert decide.parent == extract.id
    assert scores[FOREST].id in decide.links
    assert scores[MLP].id not in decide.links
    assert close.parent == decide.id
    assert scores[MLP].id in close.links
    assert {span.kind for span in spans if span is not close} == {CONSUMER}
    assert decide.attributes["rendezvous.model"] == FOREST
    assert decide.attributes["rendezvous.source"] == "SOURCE_MODEL"
    assert decide.attributes["rendezvous.tier"] == 1
    assert all(span.start_ns <= span.end_ns for span in spans)
    assert extract.start_ns <= decide.start_ns <= decide.end_ns <= close.end_ns


def test_the_context_of_a_hops_own_span_goes_on_in_the_headers(receiver: Receiver, tracing: Tracing) -> None:
    whole = TracedWhole(tracing)
    whole.ask_with("r1", traceparent())
    whole.system.run_for(300 * MS)
    tracing.close()
    ids = {name: one(receiver.spans, name).id for name in ("extract", "decide", "close")}
    for topic, name in ((INPUTS, "extract"), (ANSWERS, "decide"), (DECISIONS, "close")):
        (record,) = whole.system.records(topic)
        assert record.headers() == [("traceparent", f"00-{TRACE}-{ids[name]}-01".encode())]
    assert len(whole.system.records(SCORES)) == 3


def test_a_request_that_is_not_sampled_leaves_no_span(receiver: Receiver, tracing: Tracing) -> None:
    whole = TracedWhole(tracing)
    malformed: Headers = [("traceparent", b"00-nonsense")]
    for name, headers in (("r1", None), ("r2", traceparent(sampled=False)), ("r3", malformed)):
        whole.ask_with(name, headers)
    whole.system.run_for(300 * MS)
    tracing.close()
    assert len(whole.system.records(ANSWERS)) == 3
    assert [record.headers() for record in whole.system.records(ANSWERS)] == [None] * 3
    assert receiver.spans == []


def test_a_dead_letter_ends_the_trace_with_its_reason(receiver: Receiver, tracing: Tracing) -> None:
    whole = TracedWhole(tracing)
    whole.system.publish(REQUESTS, 1, b"r1", b"\xff\xff poison", traceparent())
    whole.system.run_for(10 * MS)
    tracing.close()
    assert len(whole.system.records(DEAD_LETTERS)) == 1
    (span,) = receiver.spans
    assert (span.name, span.parent, span.failed) == ("dead letter", CALLER, True)


def test_requests_that_are_open_are_bounded(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver, tracing: Tracing
) -> None:
    monkeypatch.setattr("rendezvous_runtime.tracing.hops._MOST", 5)
    whole = TracedWhole(tracing)
    for number in range(20):
        whole.ask_with(f"r{number}", traceparent())
    whole.system.run_for(300 * MS)
    tracing.close()
    assert len(whole.system.records(ANSWERS)) == 20
    assert {len(traces._meetings) <= 5 for traces in whole.traces} == {True}
    assert sum(span.name == "extract" for span in receiver.spans) == 20


def gateway_settings(endpoint: str, rate: float = 1.0) -> GatewaySettings:
    return GatewaySettings.model_validate({"traces_endpoint": endpoint, "traces_rate": rate})


class Asked:
    """A gateway's exchange on a log in memory, that samples *rate* of what begins here."""

    def __init__(self, receiver: Receiver, rate: float) -> None:
        settings = gateway_settings(receiver.endpoint, rate)
        made = start_tracing(settings, rate=settings.traces_rate)
        assert made is not None
        self.tracing = made
        self.log = TestLog()
        self.exchange = TracedExchange(Desk(read_limits(settings)), SystemClock(), made)
        self.exchange.connect(self.log)
        self.exchange.own(frozenset(range(PARTITIONS)))

    def ask(self, name: str, headers: Headers | None = None) -> Headers | None:
        """Ask, answer, and return what the request bears in its headers."""
        body = Request(route="wine").SerializeToString()
        self.exchange.submit(Question(name, revision(), 1, body, headers=headers), lambda _: None)
        sent = self.log.sends[-1]
        self.exchange.deliver([answer_to(sent, digest=1)])
        return sent.headers


def test_a_trace_begins_at_the_gateway_and_ends_with_the_answer(receiver: Receiver) -> None:
    asked = Asked(receiver, rate=1.0)
    headers = asked.ask("r1")
    asked.tracing.close()
    (span,) = receiver.spans
    assert (span.name, span.parent, span.kind, span.service) == ("ask wine", "", SERVER, "gateway")
    assert headers is not None
    ((name, value),) = headers
    assert name == "traceparent"
    assert value.decode().startswith(f"00-{span.trace}-{span.id}-0")
    assert int(value[-2:], 16) & 1, "it is sampled"
    assert span.attributes["rendezvous.model"] == "forest@1"
    assert not span.failed


def test_the_gateway_samples_at_its_rate_and_leaves_the_choice_to_a_caller_that_made_it(
    receiver: Receiver,
) -> None:
    never = Asked(receiver, rate=0.0)
    assert never.ask("r1") is None
    assert never.ask("r2", traceparent(sampled=False)) == traceparent(sampled=False)
    never.tracing.close()
    assert receiver.spans == []
    never = Asked(receiver, rate=0.0)
    never.ask("r3", traceparent())
    never.tracing.close()
    (span,) = receiver.spans
    assert (span.trace, span.parent) == (TRACE, CALLER)
    some = Asked(receiver, rate=0.5)
    sampled = sum(some.ask(f"s{number}") is not None for number in range(200))
    some.tracing.close()
    assert 50 < sampled < 150  # 200 fair coins: beyond six standard deviations


def test_a_question_that_is_refused_or_repeated_ends_its_span(receiver: Receiver) -> None:
    asked = Asked(receiver, rate=1.0)
    asked.ask("r1")
    question = Question("r1", revision(), 1, b"")
    assert asked.exchange.submit(question, lambda _: None) is not None
    with pytest.raises(ProblemError, match="used for another question"):
        asked.exchange.submit(question._replace(digest=2), lambda _: None)
    asked.tracing.close()
    assert [span.failed for span in receiver.spans] == [False, False, True]
    assert receiver.spans[1].attributes["rendezvous.repeated"] is True


def test_a_receiver_that_is_away_holds_no_stop_up() -> None:
    with receiving() as receiver:
        endpoint = receiver.endpoint
    made = start_tracing(gateway_settings(endpoint), rate=1.0)
    assert made is not None
    span = made.begin("ask", None, 2, 1, attributes={})  # type: ignore[arg-type]  # the number of SERVER
    assert span is not None
    span.end()
    started = time.monotonic()
    made.close()
    assert time.monotonic() - started < 8


OFF = """
import sys
from rendezvous_gateway.app import create_app as gateway
from rendezvous_gateway.settings import GatewaySettings
from rendezvous_service.app import create_app as rendezvous
from rendezvous_service.settings import RendezvousSettings
apps = [gateway(GatewaySettings()), rendezvous(RendezvousSettings())]
assert [app.tracing for app in apps] == [None, None]
assert [app.data_plane._traces for app in apps] == [None, None]
print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


def test_without_an_endpoint_nothing_of_opentelemetry_is_imported() -> None:
    run = subprocess.run(
        [sys.executable, "-c", OFF], capture_output=True, text=True, check=False, timeout=120
    )
    assert (run.stdout.strip(), run.returncode) == ("[]", 0), run.stderr


def test_an_endpoint_that_is_none_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENDEZVOUS_TRACES_ENDPOINT", "localhost:4318")
    with pytest.raises(SettingsError, match="RENDEZVOUS_TRACES_ENDPOINT"):
        read_settings(GatewaySettings)


def test_an_endpoint_without_opentelemetry_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rendezvous_runtime.tracing.spans", None)
    with pytest.raises(SettingsError, match=r"install rendezvous-runtime\[tracing\]"):
        start_tracing(gateway_settings("http://127.0.0.1:4318/v1/traces"))
