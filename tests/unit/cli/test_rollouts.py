"""How a roll-out is shown, and what a script learns of it."""

import json
import math

import pytest
from rendezvous_cli.entries import history_rows
from rendezvous_cli.rollouts import ROLLOUT_COLUMNS, rollout_row, rollout_rows
from rendezvous_cli.status import PAUSED, UNDER_WAY, exit_code
from rendezvous_client.log import Entry, read_entry
from rendezvous_client.status import Heard
from rendezvous_contracts.changes import Change
from rendezvous_contracts.gates import parse_gate
from rendezvous_control.fold import fold_record
from rendezvous_control.state import State
from scoring.v1.control_pb2 import (
    AbortRollout,
    AddModel,
    PauseRoute,
    SetRoute,
    StartRollout,
    StepRollout,
    StepVerdict,
)
from scoring.v1.status_pb2 import GateStatus, RolloutStatus, Status

from tests.support.control import asked, model, route

PASS = StepVerdict.STEP_VERDICT_PASS
FAIL = StepVerdict.STEP_VERDICT_FAIL
GATE = parse_gate("p99_ms<20")
PLAN = StartRollout(route="wine", to="b@1", steps=[100, 10_000], every_us=1, gates=[GATE])


def step(number: int, verdict: "StepVerdict.ValueType" = PASS) -> StepRollout:
    return StepRollout(route="wine", step=number, verdict=verdict, detail="p99_ms<20: 4")


class Log:
    """A control log with a route and two models, and its entries."""

    def __init__(self, *changes: Change) -> None:
        self.state = State()
        self.entries: list[Entry] = []
        first = (AddModel(model=model("a")), AddModel(model=model("b")), SetRoute(route=route("a@1")))
        for offset, change in enumerate((*first, *changes)):
            value = asked(f"c{offset}", change).SerializeToString()
            self.state, refused = fold_record(self.state, value, offset)
            assert refused is None
            self.entries.append(read_entry(value, offset, 0, None))


def said(began_offset: int, at_s: float = 100.0, **of_it: object) -> Heard:
    status = RolloutStatus(route="wine", to="b@1", began_offset=began_offset, **of_it)  # type: ignore[arg-type]
    return Heard(Status(instance="operator-0", rollouts=[status]), at_s)


def test_a_roll_out_is_shown_with_what_its_step_has_shown_so_far() -> None:
    gate = GateStatus(gate=GATE, value=4.0, low=3.0, high=math.inf, samples=7, verdict=PASS)
    heard = {"operator-0": said(3, verdict=PASS, detail="p99_ms<20: 4", requests=9, scored=7, gates=[gate])}
    (row,) = rollout_rows(Log(PLAN).state, heard)

    assert set(ROLLOUT_COLUMNS) <= row.keys()
    assert (row["outcome"], row["share"], row["now"]) == ("running", "shadow", "pass so far: p99_ms<20: 4")
    assert (row["requests"], row["scored"]) == (9, 7)
    figures = {"samples": 7, "value": 4.0, "low": 3.0, "high": None}
    assert row["figures"] == [{"gate": "p99_ms<20", "verdict": "pass", **figures}]
    json.dumps(row, allow_nan=False)


def test_what_was_said_of_another_step_is_not_shown() -> None:
    state = Log(PLAN, step(0)).state
    row = rollout_row(state.routes["wine"], {"operator-0": said(3, detail="of the step before")})

    assert row["now"] == "no operator has said anything of this step yet"


def test_the_newest_word_counts_and_a_problem_comes_first() -> None:
    heard = {"old": said(3, 1.0, detail="old"), "new": said(3, 2.0, problem="it has no key")}

    assert rollout_row(Log(PLAN).state.routes["wine"], heard)["now"] == "it has no key"


def test_a_route_without_a_roll_out_is_not_listed() -> None:
    assert rollout_rows(Log().state, {}) == []
    assert rollout_row(Log().state.routes["wine"])["outcome"] == "none"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ((), 0),
        ((PLAN,), UNDER_WAY),
        ((PLAN, step(0)), UNDER_WAY),
        ((PLAN, PauseRoute(name="wine")), PAUSED),
        ((PLAN, step(0), step(1)), 0),
        ((PLAN, step(0, FAIL)), 1),
        ((PLAN, AbortRollout(route="wine")), 1),
    ],
)
def test_a_script_learns_how_the_roll_out_is(changes: tuple[Change, ...], code: int) -> None:
    assert exit_code(Log(*changes).state.routes["wine"]) == code


def test_the_history_has_the_verdicts_with_their_figures() -> None:
    log = Log(PLAN, step(0), step(1, FAIL))
    rows = history_rows(log.state, log.entries, "wine")

    assert [(row["revision"], row["says"]) for row in rows] == [
        (4, "step 1 fail: p99_ms<20: 4; use a@1"),
        (3, "step 0 pass: p99_ms<20: 4; use 99% a@1, 1% b@1"),
        (2, "b@1 in steps of 1%, 100%; use a@1"),
        (1, "use a@1"),
    ]
