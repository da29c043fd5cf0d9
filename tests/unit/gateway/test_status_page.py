"""What the status page shows of a state and of what was seen, and how much it keeps."""

import re
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from confluent_kafka import KafkaError, KafkaException
from rendezvous_contracts.changes import Change
from rendezvous_contracts.values import to_fields
from rendezvous_control.state import State
from rendezvous_gateway.screen.facts import answers_lately, differences
from rendezvous_gateway.screen.markup import join, tag
from rendezvous_gateway.screen.page import render
from rendezvous_gateway.screen.seen import RECENT, Made, Seen, Snapshot
from rendezvous_gateway.screen.watcher import Watcher
from rendezvous_runtime.clock import SystemClock
from scoring.v1.answer_pb2 import Answer, Arrival, Source
from scoring.v1.control_pb2 import AddModel, PauseRoute, RampRoute, Route, SetRoute, Share, StartRollout, Tier
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.status_pb2 import ModelState, ModelStatus, Passed, Refusal, Status, Usage

from tests.support.control import model
from tests.support.folding import decided
from tests.support.polling import wait_until

NOW = 1_700_000_000_000_000
EVIL = "<script>alert('x')</script>\" onmouseover=\"y"
OK = ScoreStatus.SCORE_STATUS_OK


TIERS = [Tier(model="forest@1"), Tier(after_us=20_000, any=True)]
ROUTE = Route(name="wine", sla_us=50_000, schedule=TIERS, canary="linear@1", default=to_fields({"q": 5.0}))
BASE: tuple[Change, ...] = (
    *(AddModel(model=model(name, "1")) for name in ("forest", "mlp", "linear")),
    SetRoute(route=ROUTE),
)
STATE = decided(*BASE)


def decision(number: int, *, route: str = "wine", who: str = "forest@1", **outputs: float) -> bytes:
    scores = [
        Score(model=name.replace("_", "@"), status=OK, outputs=to_fields({"q": value}))
        for name, value in outputs.items()
    ]
    answer = Answer(
        id=f"r{number}",
        route=route,
        revision=1,
        source=Source.SOURCE_MODEL if who else Source.SOURCE_DEFAULT,
        model=who,
        tier=1,
        rule=f"use {who}",
        reason="" if who else "the deadline passed",
        outputs=to_fields({"q": 6.25}),
        sent_at_us=NOW - 10_000,
        deadline_us=NOW + 40_000,
        answered_at_us=NOW + number,
        arrivals=[Arrival(model=who, status=OK, after_us=5_000)] if who else [],
    )
    return Decision(answer=answer, scores=scores, arrivals=answer.arrivals).SerializeToString()


def status(instance: str = "rendezvous-0", service: str = "rendezvous", told: Status | None = None) -> bytes:
    found = Status(instance=instance, service=service, ready=True, control_offset=4)
    found.MergeFrom(told or Status())
    return found.SerializeToString()


def seen(*decisions: bytes, statuses: tuple[bytes, ...] = ()) -> Snapshot:
    found = Seen()
    for offset, value in enumerate(decisions):
        found.decide(0, offset, value)
    for value in statuses:
        found.hear(None, value, NOW)
    return found.snapshot(NOW)


def page(state: State = STATE, snapshot: Snapshot | None = None, route: str = "", problem: str = "") -> str:
    return render(state, snapshot or Snapshot(), route=route, problem=problem, now_us=NOW)


class Read(HTMLParser):
    """The texts and the attributes' names of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the base's
        self.attributes |= {name for name, _ in attrs}


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", " ".join(Read(html).texts))


def test_text_is_escaped_wherever_it_is_put_in() -> None:
    made = tag("p", EVIL, tag("b", EVIL), [EVIL], title=EVIL, hidden=True, open=False)
    assert "<script" not in made
    assert made.count("&lt;script&gt;") == 4
    assert " hidden>" in made
    assert " open" not in made
    assert join(made, "<") == made + "&lt;"


def test_nothing_that_others_wrote_becomes_markup() -> None:
    def evil() -> Decision:
        found = Decision.FromString(decision(1))
        answer = found.answer
        answer.id = answer.model = answer.rule = answer.reason = EVIL
        answer.outputs.values[EVIL].text = EVIL
        found.missing.append(EVIL)
        found.scores.add(model=EVIL, error=EVIL)
        found.arrivals.add(model=EVIL, status=ScoreStatus.SCORE_STATUS_FAILED)
        return found

    refused = Refusal(offset=1, reason=EVIL)
    failed = ModelStatus(model=EVIL, state=ModelState.MODEL_STATE_FAILED, reason=EVIL)
    told = status(EVIL, EVIL, Status(detail=EVIL, refusals=[refused], models=[failed]))
    html = page(
        STATE, seen(evil().SerializeToString(), decision(2, route=EVIL), statuses=(told,)), problem=EVIL
    )
    assert html.count("<script") == 1  # its own
    assert not [name for name in Read(html).attributes if name.startswith("on")]
    assert EVIL in text_of(html).replace("  ", " ")


def test_a_route_shows_its_revision_and_its_tiers() -> None:
    text = text_of(page())
    assert "Revision 1 , SLA 50ms" in text
    assert "1 0ms forest@1" in text
    assert "2 20ms any" in text


def test_a_ramp_shows_the_share_of_each_model() -> None:
    shares = [Share(model="forest@1", share=9_000), Share(model="mlp@1", share=1_000)]
    html = page(decided(*BASE, RampRoute(name="wine", tier=1, shares=shares)))
    assert 'aria-label="forest@1 90%, mlp@1 10%"' in html
    assert 'x="90%"' in html
    assert "mlp@1 10%" in text_of(html)


def test_a_roll_out_shows_its_step_and_a_pause_who_paused() -> None:
    rollout = StartRollout(route="wine", to="mlp@1", steps=[100, 10_000], every_us=60_000_000)
    text = text_of(page(decided(*BASE, rollout, PauseRoute(name="wine"))))
    assert "Roll-out of mlp@1 running" in text
    assert "step 0 of 2: mlp@1 scores as a shadow" in text
    assert "Steps: a shadow, then 1%, 100%; each lasts 60s; gates: none" in text
    assert "paused by ada" in text


def test_a_revision_is_everywhere_once_it_has_passed_all_partitions() -> None:
    def passed(*revisions: int) -> bytes:
        found = [Passed(route="wine", partition=place, revision=each) for place, each in enumerate(revisions)]
        return status(told=Status(passed=found))

    assert "moving : deciding on 1 of 2 partitions" in text_of(page(STATE, seen(statuses=(passed(1, 0),))))
    assert "everywhere : deciding on 2 of 2 partitions" in text_of(
        page(STATE, seen(statuses=(passed(1, 1),)))
    )


def test_a_model_shows_who_has_it_and_how_it_is() -> None:
    usage = Usage(count=7, failed=2, p50_us=450, p99_us=12_700)
    held = ModelStatus(model="forest@1", state=ModelState.MODEL_STATE_READY, usage=usage)
    text = text_of(page(STATE, seen(statuses=(status("box-0", "model-container", Status(models=[held])),))))
    assert "forest@1 ready box-0 wine: champion median 0.45 ms, p99 12.7 ms 7, 2 failed" in text
    assert "linear@1 held by nobody wine: canary" in text


def test_a_service_shows_its_offset_its_lag_and_what_it_refused() -> None:
    told = status(told=Status(lag_records=1_234, refusals=[Refusal(offset=9, reason="a stale revision")]))
    text = text_of(page(STATE, seen(statuses=(told,))))
    assert "rendezvous-0 ready 4 applied refused at 9: a stale revision 1,234 records 0 s ago" in text
    behind = Status(instance="a", control_offset=1).SerializeToString()
    assert "1 applied 3 behind this gateway" in text_of(page(STATE, seen(statuses=(behind,))))


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (Status(instance="a", ready=True), "ready"),
        (Status(instance="a", detail="the broker"), "not ready"),
        (Status(instance="a", ready=True, stopping=True), "stopped"),
    ],
)
def test_a_service_says_how_it_is(told: Status, word: str) -> None:
    assert f"a is {word}" in page(STATE, seen(statuses=(told.SerializeToString(),)))


def test_a_service_that_was_not_heard_for_long_is_silent_and_then_forgotten() -> None:
    found = Seen()
    found.hear(b"a", status("a"), NOW)
    assert "a is silent" in page(STATE, found.snapshot(NOW + 7_000_000))
    assert found.snapshot(NOW + 61_000_000).instances == {}
    found.hear(b"a", status("a"), NOW)
    found.hear(b"a", None, NOW)
    assert found.snapshot(NOW).instances == {}


def test_the_last_decisions_are_told_newest_first_with_how_they_came_about() -> None:
    text = text_of(page(STATE, seen(decision(1), decision(2, who=""))))
    first, second = text.index("default q = 6.25"), text.index("forest@1 q = 6.25")
    assert first < second
    assert "The route's default was given" in text
    assert "forest@1 answered by tier 1 (use forest@1), 10.0 ms after the request came" in text
    assert "Which rule" in text


def test_the_decisions_shown_are_those_of_the_route_that_is_asked_for() -> None:
    snapshot = seen(decision(1), decision(2, route="beer"))
    assert "Request r1," in text_of(page(STATE, snapshot, route="wine"))
    assert "Request r2," in text_of(page(STATE, snapshot, route="beer"))
    assert "Request r2," in text_of(page(STATE, snapshot, route="no such"))  # the first that has some


def test_differences_are_of_the_same_requests_only() -> None:
    made = seen(
        decision(1, forest_1=6.0, linear_1=5.0),
        decision(2, forest_1=7.0, linear_1=4.0, mlp_1=4.5),
        decision(3, forest_1=100.0),
    ).decisions["wine"]
    found = differences(made, "linear@1")
    assert [(each.output, each.mean_absolute, each.requests) for each in found["forest@1"]] == [("q", 2.0, 2)]
    assert [(each.mean_absolute, each.requests) for each in found["mlp@1"]] == [(0.5, 1)]
    assert "linear@1" not in found
    assert answers_lately(made) == {"forest@1": 3}


def test_memory_is_bounded_whatever_comes() -> None:
    found = Seen(max_bytes=20_000)
    for number in range(1_000):
        found.decide(number % 4, number, decision(number, route=f"route-{number % 20}"))
    kept = found.snapshot(NOW).decisions
    assert sum(each.decision.ByteSize() for made in kept.values() for each in made) <= 20_000
    assert max(each.offset for made in kept.values() for each in made) == 999

    found = Seen()
    for number in range(2 * RECENT):
        found.decide(0, number, decision(number))
    made: tuple[Made, ...] = found.snapshot(NOW).decisions["wine"]
    assert [each.offset for each in made] == [*range(RECENT, 2 * RECENT)]
    for number in range(300):
        found.decide(0, number, decision(number, route=f"route-{number}"))
    assert len(found.snapshot(NOW).decisions) == 200
    found.decide(0, 0, b"x" * 70_000)
    found.decide(0, 0, b"\xff\xff")
    found.hear(b"a", b"\xff\xff", NOW)
    assert (found.too_large, found.undecodable) == (1, 2)
    for number in range(1_100):
        found.hear(None, status(f"i-{number}"), NOW)
    assert len(found.snapshot(NOW).instances) == 1_000


class Looked:
    """What a watcher looks at; *trouble* is raised at each look."""

    def __init__(self, seen: Seen, trouble: Callable[[], None]) -> None:
        self.seen = seen
        self.trouble = trouble
        self.closed = False

    def look(self, _: int) -> None:
        self.trouble()
        self.seen.decide(0, 0, decision(0))

    def close(self) -> None:
        self.closed = True


def watcher(
    trouble: Callable[[], None] = lambda: None, linger_s: float = 30.0
) -> tuple[Watcher, list[Looked]]:
    sources: list[Looked] = []

    def connect(seen: Seen) -> Looked:
        sources.append(Looked(seen, trouble))
        return sources[-1]

    return Watcher(connect, SystemClock(), linger_s=linger_s), sources


def test_nothing_is_read_until_somebody_looks_and_no_more_when_nobody_does() -> None:
    watching, sources = watcher(linger_s=0.2)
    assert not sources
    watching.look()
    wait_until(lambda: watching.snapshot.decisions, 10, "it is kept fresh")
    wait_until(lambda: not watching.watching, 10, "it ends by itself")
    assert [each.closed for each in sources] == [True]
    watching.look()
    assert watching.watching
    watching.close()
    assert not watching.watching
    watching.look()
    assert not watching.watching


def test_a_broker_that_is_away_is_said_on_the_page_and_asked_again() -> None:
    def away() -> None:
        raise KafkaException(KafkaError(KafkaError._TRANSPORT))

    watching, sources = watcher(away)
    watching.look()
    assert "the broker does not answer" in wait_until(lambda: watching.problem, 10, "it is said")
    sources[0].trouble = lambda: None
    wait_until(lambda: not watching.problem, 10, "it is over")
    watching.close()


def test_a_defect_ends_the_watching_and_is_said() -> None:
    def broken() -> None:
        raise RuntimeError("a defect")

    watching, sources = watcher(broken)
    watching.look()
    wait_until(lambda: not watching.watching, 10, "it ends")
    assert watching.problem == "the log cannot be watched: a defect"
    assert sources[0].closed
