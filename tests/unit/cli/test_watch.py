"""What `rendezvous watch` shows: decisions to figures, state to a frame, a frame to text."""

import io
from collections.abc import Callable
from dataclasses import replace

import pytest
from rendezvous_cli.watch_figures import Decisions, ModelFigures, RouteFigures, sample
from rendezvous_cli.watch_render import render
from rendezvous_cli.watch_screen import ModelLine, RouteView, Screen, TierLine, make_screen
from rendezvous_client.status import Heard
from rendezvous_contracts.values import to_fields
from rendezvous_control.state import State
from rich.console import Console
from scoring.v1.answer_pb2 import Answer, Arrival, Source
from scoring.v1.control_pb2 import PauseRoute
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.status_pb2 import ModelState, ModelStatus, Passed, Status

from tests.support.control import asked, control, model, route
from tests.support.folding import folded

OK = ScoreStatus.SCORE_STATUS_OK
FAILED = ScoreStatus.SCORE_STATUS_FAILED
MS = 1_000


def decision(at_ms: int = 0, *, tier: int = 1, late_by_ms: int = 0) -> Decision:
    """Return a decision that forest@1 made at 12 ms; mlp@1 failed, and linear@1, the canary, came late."""
    sent = at_ms * MS
    scores = [
        Score(model="forest@1", status=OK, outputs=to_fields({"quality": 6.0, "colour": "red"})),
        Score(model="mlp@1", status=FAILED, error="out of memory"),
        Score(model="linear@1", status=OK, outputs=to_fields({"quality": 5.5})),
    ]
    arrivals = [
        Arrival(model="forest@1", status=OK, after_us=12 * MS),
        Arrival(model="mlp@1", status=FAILED, after_us=13 * MS),
        Arrival(model="linear@1", status=OK, after_us=20 * MS),
    ]
    answer = Answer(
        id="q",
        route="wine",
        revision=1,
        source=Source.SOURCE_MODEL if tier else Source.SOURCE_DEFAULT,
        model="forest@1" if tier else "",
        tier=tier,
        sent_at_us=sent,
        answered_at_us=sent + 12 * MS + late_by_ms * MS,
        deadline_us=sent + 15 * MS,
        arrivals=arrivals[:2],
    )
    return Decision(answer=answer, scores=scores, arrivals=arrivals, missing=["slow@1"])


def figures(*decisions: Decision, now_ms: int = 1_000) -> RouteFigures:
    seen = Decisions(window_us=60_000 * MS)
    for each in decisions:
        seen.add(each)
    return seen.figures(now_ms * MS, {"wine": "linear@1"})["wine"]


def test_decisions_become_figures_of_their_route_and_its_models() -> None:
    found = figures(decision(), decision(tier=0, late_by_ms=30))

    assert (found.answers, found.in_time, dict(found.tiers)) == (2, 1, {1: 1, 0: 1})
    forest, mlp, slow = found.models["forest@1"], found.models["mlp@1"], found.models["slow@1"]
    assert (forest.scored, forest.chosen, forest.late, forest.mean_delta) == (2, 1, 0, 0.5)
    assert (mlp.failed, mlp.scored, mlp.mean_delta) == (2, 0, None)
    assert (slow.missing, slow.asked, slow.quantile_ms(0.5)) == (2, 2, None)
    assert (found.models["linear@1"].late, forest.quantile_ms(0.99)) == (2, 12.0)
    assert found.quantile_ms(0.99) == 42.0


def test_what_is_older_than_the_window_counts_no_more() -> None:
    seen = Decisions(window_us=10_000 * MS, most=3)
    for at_ms in (0, 5_000, 6_000, 20_000):
        seen.add(decision(at_ms))

    assert seen.figures(15_000 * MS, {})["wine"].answers == 3
    assert seen.figures(25_000 * MS, {})["wine"].answers == 1
    assert seen.figures(99_000 * MS, {}) == {}


def test_of_too_many_records_some_are_looked_at_evenly() -> None:
    records = [b"%d" % number for number in range(10)]

    assert list(sample(records, 20)) == records
    assert list(sample(records, 3)) == [b"0", b"3", b"6"]


def paused() -> State:
    """Three models, and a route of them that Bob has paused."""
    return folded(
        *(control(f"m{name}", model(name)) for name in ("forest", "mlp", "linear")),
        control("r", route("forest@1", "mlp@1", canary="linear@1")),
        asked("p", PauseRoute(name="wine"), author="bob"),
    )


def test_a_frame_has_what_the_log_the_services_and_the_decisions_say() -> None:
    status = Status(
        instance="model-0",
        service="model-container",
        control_offset=5,
        ready=True,
        models=[ModelStatus(model="forest@1", state=ModelState.MODEL_STATE_READY)],
        passed=[
            Passed(route="wine", partition=0, revision=1),
            Passed(route="wine", partition=1, revision=0),
        ],
    )
    screen = make_screen(
        paused(),
        {"model-0": Heard(status, at_s=99)},
        {"wine": figures(decision())},
        now_s=100,
        at="now",
        window="60s",
    )

    (wine,) = screen.routes
    assert (wine.revision, wine.passed, wine.paused) == (1, "1 of 2 partitions", "by bob: a test")
    assert [(tier.rule, tier.answers) for tier in wine.tiers] == [
        ("use forest@1", 1),
        ("after 10ms use mlp@1", 0),
        ("default", 0),
    ]
    assert [(line.model, line.role, line.state) for line in wine.models] == [
        ("forest@1", "champion", "ready x1"),
        ("mlp@1", "ranked", "not loaded"),
        ("linear@1", "canary", "not loaded"),
    ]
    assert [row["instance"] for row in screen.services] == ["model-0"]
    assert make_screen(paused(), {}, {}, now_s=0, at="", window="", only="beer").routes == []


SERVICE = {
    "instance": "rendezvous-0",
    "state": "ready",
    "control": "5 of 5",
    "heard": "1 s ago",
    "detail": "",
}
ROUTE = RouteView(
    name="wine",
    revision=2,
    sla="50ms",
    paused="",
    passed="4 of 4 partitions",
    answers=0,
    in_time=None,
    p99_ms=None,
    tiers=[TierLine("use forest@1", 0, None), TierLine("default", 0, None)],
    models=[],
    rollout=None,
)
EMPTY = Screen(at="noon", window="60s", control_offset=5, routes=[], services=[SERVICE])
ROLLOUT = {
    "to": "forest@2",
    "outcome": "running",
    "running": True,
    "step": "2 of 3",
    "share": "10%",
    "steps": ["1%", "10%", "100%"],
    "now": "inconclusive so far: p99_ms 12",
    "detail": "step 1 passed",
    "figures": [
        {"gate": "p99_ms<20", "verdict": "pass", "samples": 9, "value": 12.0, "low": 11.0, "high": None},
        {"gate": "error_rate<0.1", "verdict": "inconclusive", "samples": 0, "value": None},
    ],
}


def with_route(**changes: object) -> Screen:
    return replace(EMPTY, routes=[replace(ROUTE, **changes)])  # type: ignore[arg-type]  # as the case says


def test_a_frame_is_whole_text() -> None:
    line = ModelLine(
        "forest@1",
        "champion",
        "ready x2",
        ModelFigures(
            scored=90, chosen=80, failed=10, late=0, missing=0, latencies_ms=[8.0, 9.0, 12.5], deltas=[0.25]
        ),
    )
    screen = with_route(
        answers=200,
        in_time=0.995,
        p99_ms=31.25,
        tiers=[TierLine("use forest@1", 150, 0.75), TierLine("default", 50, 0.25)],
        models=[line],
    )

    assert text(screen) == [
        "rendezvous  noon  figures of the last 60s  control log at 5",
        "",
        "wine  revision 2, passed 4 of 4 partitions  SLA 50ms 99.5% in time  p99 31.2 ms  200 answers",
        "  1  use forest@1  █████████░░░  75.0%",
        "  -  default       ███░░░░░░░░░  25.0%",
        "  model     role      state     chosen     p50      p99      errors  late  missing  delta",
        "  forest@1  champion  ready x2      80  9.0 ms  12.5 ms  10 (10.0%)     0        0   0.25",
        "",
        "service       state  control  heard    detail",
        "rendezvous-0  ready  5 of 5   1 s ago",
    ]


@pytest.mark.parametrize(
    ("screen", "shown"),
    [
        (EMPTY, ["there is no route yet: rendezvous apply -f FILE publishes one"]),
        (replace(EMPTY, trouble="no broker answers"), ["! no broker answers"]),
        (with_route(), ["SLA 50ms - in time  p99 -  0 answers", "  1  use forest@1  ░░░░░░░░░░░░  -"]),
        (with_route(paused="by bob: wait"), ["  paused by bob: wait"]),
        (
            with_route(rollout=ROLLOUT),
            [
                "  roll-out to forest@2: running, step 2 of 3 shadow > 1% > [10%] > 100%",
                "    now: inconclusive so far: p99_ms 12",
                "    gate p99_ms<20: pass  12 (11 to ?)",
                "    gate error_rate<0.1: inconclusive",
                "    last: step 1 passed",
            ],
        ),
        (with_route(name="[bold]x[/bold]"), ["[bold]x[/bold]  revision 2"]),
    ],
)
def test_a_frame_says_what_is_special(screen: Screen, shown: list[str]) -> None:
    whole = "\n".join(text(screen))

    assert [line for line in shown if line not in whole] == []


def text(screen: Screen) -> list[str]:
    console = Console(width=110, file=io.StringIO(), color_system=None)
    console.print(render(screen))
    printed: Callable[[], str] = console.file.getvalue  # type: ignore[attr-defined]  # it is a StringIO
    return [line.rstrip() for line in printed().splitlines()]
