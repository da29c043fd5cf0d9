"""The driver of roll-outs, with the decisions and the log of a test: what it says, when, and only once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from rendezvous_contracts.gates import parse_gate
from rendezvous_contracts.topics import CONTROL
from rendezvous_control.envelope import open_record
from rendezvous_control.fold import fold_record
from rendezvous_control.judging import TO_BEGIN_US
from rendezvous_control.state import Outcome, RolloutEntry, State
from rendezvous_operator.decisions import DecisionsError, Read
from rendezvous_operator.rollout_driver import RolloutDriver, Voice
from rendezvous_operator.signing import read_signer
from rendezvous_runtime.clock import Now
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.stream import Send
from scoring.v1.control_pb2 import (
    AbortRollout,
    AddModel,
    PauseRoute,
    ResumeRoute,
    SetRoute,
    StartRollout,
    StepRollout,
    StepVerdict,
)

from tests.support.control import asked, model, route
from tests.support.decisions import decision, score
from tests.support.folding import after, folded, refusal

NEW, OLD, CANARY = "new@1", "old@1", "canary@1"
EVERY_US = 60_000_000
PASS = StepVerdict.STEP_VERDICT_PASS
FAIL = StepVerdict.STEP_VERDICT_FAIL
ENOUGH = 200


@dataclass
class Stream:
    """The decisions that a reader finds; *broken*: once, while it reads."""

    log: list[Read]
    is_open: bool = False
    caught_up: bool = True
    opened_from: list[int] = field(default_factory=list)
    broken: str = ""
    _next: int = 0

    def open(self, from_us: int) -> None:
        self.is_open, self._next = True, 0
        self.opened_from.append(from_us)

    def read(self) -> list[Read]:
        found, self._next = self.log[self._next :], len(self.log)
        if self.broken:
            self.broken, self.is_open = "", False
            raise DecisionsError("no decisions from the broker")
        return found

    def close(self) -> None:
        self.is_open = False


class World:
    """One route, its control log folded, the decisions on it, and operators that drive it."""

    def __init__(self, *gates: str) -> None:
        state = State()
        for name in ("old", "new", "canary"):
            state = after(state, AddModel(model=model(name)))
        state = after(state, SetRoute(route=route(OLD, canary=CANARY)))
        plan = StartRollout(
            route="wine",
            to=NEW,
            steps=[100, 10_000],
            every_us=EVERY_US,
            gates=map(parse_gate, gates or ("mean_abs_delta(canary)<0.3",)),
        )
        self.state = after(state, plan)
        self.now_us = 1
        self.log: list[Read] = []
        self.posted: list[Send] = []
        self.driver = self.operator()

    def operator(self, **voice: object) -> RolloutDriver:
        """Another process: all that the one before had in memory is gone."""
        how = {"author": "operator", "sign": None, "keys": None} | voice
        self.stream = Stream(self.log)
        speaks = Voice(**how, post=lambda send, _: self.posted.append(send))  # type: ignore[arg-type]
        return RolloutDriver(self.stream, speaks, self, read_back_us=10 * EVERY_US)

    def now(self) -> Now:
        return Now(self.now_us, self.now_us)

    @property
    def rollout(self) -> RolloutEntry:
        rollout = self.state.routes["wine"].rollout
        assert rollout is not None
        return rollout

    def decide(self, quality: float | None, times: int = ENOUGH, *, partition: int = 0, **how: int) -> None:
        """So many decisions under the current revision, in which the new model says *quality*, or nothing."""
        scores = [score(OLD, 5.0), score(CANARY, 5.0)]
        scores += [score(NEW, quality)] if quality is not None else []
        revision = how.get("revision", self.state.routes["wine"].current.number)
        missing = () if quality is not None else (NEW,)
        at_us = how.get("at_us", self.now_us)
        each = decision(*scores, missing=missing, revision=revision, at_us=at_us)
        self.log += [Read(partition, each)] * times

    def pass_time(self, us: int) -> None:
        self.now_us += us

    def turn(self) -> list[StepRollout]:
        """Let the operator look once; fold and return what it said."""
        self.driver.turn(self.state)
        said = []
        for send in self.posted:
            assert (send.topic, send.partition) == (CONTROL, 0)
            self.state, refused = fold_record(self.state, send.value, self.state.next_offset)
            assert refused is None
            said.append(open_record(send.value).message.step_rollout)
        self.posted.clear()
        return said


@pytest.fixture
def world() -> World:
    return World()


def test_a_good_candidate_is_taken_to_the_end_step_by_step(world: World) -> None:
    for step in (0, 1):
        world.decide(5.1)
        assert world.turn() == [], "it was judged before its time"
        world.pass_time(EVERY_US)
        (said,) = world.turn()
        assert (said.step, said.verdict) == (step, PASS)
        assert said.detail == "mean_abs_delta(canary)<0.3: 0.1 (0.1 to 0.1) of 200 requests"

    assert world.rollout.outcome is Outcome.DONE
    assert world.turn() == []


def test_a_candidate_far_from_the_canary_is_taken_back_at_once_with_the_reason(world: World) -> None:
    world.decide(9.0)
    (said,) = world.turn()

    assert said.verdict == FAIL
    assert said.detail == "mean_abs_delta(canary)<0.3: 4 (4 to 4) of 200 requests"
    assert world.rollout.outcome is Outcome.FAILED
    stamp = world.rollout.stamp
    assert stamp.author == "operator"
    assert stamp.reason == f"fail: step 0 (shadow) of the roll-out of {NEW}: {said.detail}"


def test_what_cannot_be_told_pauses_and_a_resumed_step_begins_anew(world: World) -> None:
    world.decide(5.0, times=5)
    world.pass_time(EVERY_US)
    (said,) = world.turn()
    assert (said.verdict, said.detail) == (
        StepVerdict.STEP_VERDICT_INCONCLUSIVE,
        "mean_abs_delta(canary)<0.3: 0 (0 to inf) of 5 requests",
    )
    assert world.state.routes["wine"].paused
    assert world.turn() == []

    world.state = after(world.state, ResumeRoute(name="wine"))
    # What was decided before does not count for the step that has begun anew.
    world.decide(9.0)
    world.pass_time(1)
    assert world.turn() == []
    world.decide(5.0)
    world.pass_time(EVERY_US)
    (again,) = world.turn()
    assert again.detail == "mean_abs_delta(canary)<0.3: 0 (0 to 0) of 200 requests"


def test_a_step_is_not_judged_by_what_came_before_it(world: World) -> None:
    world.decide(5.0)
    world.pass_time(EVERY_US)
    world.turn()
    assert world.rollout.step == 1

    # Still on the way when the step began: under the revision of the step before.
    before = world.state.routes["wine"].current.number - 1
    world.decide(9.0, revision=before)
    assert world.turn() == []
    assert world.driver.rollouts[0].requests == 0


def test_after_a_restart_the_step_is_judged_by_all_of_it(world: World) -> None:
    world.decide(5.0, times=150)
    world.turn()
    world.driver = world.operator()
    world.decide(5.0, times=50)
    world.pass_time(EVERY_US)
    (said,) = world.turn()

    assert said.verdict == PASS
    assert said.detail.endswith("of 200 requests")


@pytest.mark.parametrize("at_us", [1, 100 * EVERY_US])
def test_a_step_lasts_by_the_clock_of_the_operator_however_wrong_its_authors_is(
    world: World, at_us: int
) -> None:
    world.now_us = 50 * EVERY_US
    plan = world.rollout.plan
    world.state = after(world.state, AbortRollout(route="wine"))
    world.turn()
    message = asked("again", plan)
    message.at_us = at_us
    world.state = folded(message, state=world.state)
    assert world.turn() == [], "it was judged before its time"
    world.decide(5.0)
    world.pass_time(EVERY_US)
    (said,) = world.turn()

    assert (said.verdict, said.detail) == (PASS, "mean_abs_delta(canary)<0.3: 0 (0 to 0) of 200 requests")


def test_decisions_that_are_read_again_count_once(world: World) -> None:
    world.decide(5.0)
    world.turn()
    world.stream.broken = "once"
    assert world.turn() == []
    assert world.driver.rollouts[0].problem == "no decisions from the broker"
    world.turn()

    assert world.driver.rollouts[0].requests == ENOUGH
    assert world.driver.rollouts[0].problem == ""


def test_nothing_is_judged_before_all_decisions_are_read(world: World) -> None:
    world.decide(9.0)
    world.stream.caught_up = False
    world.now = iterated(world)  # type: ignore[method-assign]

    assert world.turn() == []
    assert world.driver.rollouts[0].problem == "it reads the decisions of the step"


def iterated(world: World) -> Callable[[], Now]:
    """A clock that goes on while it is looked at, so that a turn ends."""
    times: Iterator[int] = iter(range(1, 10**9, 500_000))

    def now() -> Now:
        world.now_us = next(times)
        return Now(world.now_us, world.now_us)

    return now


def test_two_operators_that_both_lead_take_one_step(world: World) -> None:
    world.decide(5.0)
    world.pass_time(EVERY_US)
    world.driver.turn(world.state)
    world.operator().turn(world.state)
    first, second = (send.value for send in world.posted)

    state, refused = fold_record(world.state, first, world.state.next_offset)
    assert refused is None
    state, refused = fold_record(state, second, state.next_offset)
    assert refused is not None
    assert refused.unchanged
    assert state.routes["wine"].rollout.step == 1  # type: ignore[union-attr]


def test_a_verdict_is_said_once_while_the_log_has_not_come_back(world: World) -> None:
    world.decide(5.0)
    world.pass_time(EVERY_US)
    world.driver.turn(world.state)
    world.driver.turn(world.state)

    assert len(world.posted) == 1


def test_a_shadow_counts_from_its_first_score_on_and_partition_by_partition() -> None:
    world = World("late_rate<0.1")
    world.decide(None)
    world.decide(5.0, times=100, partition=0)
    world.decide(None, partition=1)
    world.turn()
    assert (world.driver.rollouts[0].requests, world.driver.rollouts[0].scored) == (100, 100)

    world.decide(None, partition=0)
    (said,) = world.turn()
    assert said.verdict == FAIL


def test_after_the_shadow_every_request_counts() -> None:
    world = World("late_rate<0.1")
    world.decide(5.0)
    world.pass_time(EVERY_US)
    world.turn()
    world.decide(None)
    (said,) = world.turn()

    assert (said.step, said.verdict) == (1, FAIL)


def test_a_shadow_lasts_from_its_first_score_on(world: World) -> None:
    world.decide(None)
    world.pass_time(3 * EVERY_US)
    assert world.turn() == [], "its container is on the way"

    world.decide(5.0)
    world.pass_time(EVERY_US - 1)
    assert world.turn() == []
    assert world.driver.rollouts[0].due_us == world.now_us + 1
    world.pass_time(1)
    (said,) = world.turn()
    assert (said.step, said.verdict) == (0, PASS)


def test_a_model_that_never_scores_is_not_rolled_out_without_gates_either(world: World) -> None:
    world.decide(None)
    world.pass_time(TO_BEGIN_US)
    (said,) = world.turn()

    assert said.verdict == StepVerdict.STEP_VERDICT_INCONCLUSIVE
    assert world.state.routes["wine"].paused


def test_of_a_paused_roll_out_only_a_failure_is_said(world: World) -> None:
    world.state = after(world.state, PauseRoute(name="wine"))
    world.decide(5.0)
    world.pass_time(EVERY_US)
    assert world.turn() == []

    world.decide(90.0, times=ENOUGH * 10)
    (said,) = world.turn()
    assert said.verdict == FAIL


def test_reading_begins_with_the_step_and_ends_with_the_roll_out(world: World) -> None:
    world.turn()
    assert world.stream.opened_from == [world.rollout.stamp.at_us]
    world.decide(9.0)
    world.turn()
    world.turn()
    assert not world.stream.is_open
    assert world.driver.rollouts == []


def test_reading_back_is_bounded(world: World) -> None:
    world.pass_time(100 * EVERY_US)
    world.turn()

    assert world.stream.opened_from == [world.now_us - 10 * EVERY_US]


def test_status_has_each_gate_with_its_figures(world: World) -> None:
    world.decide(5.1)
    world.turn()
    (status,) = world.driver.rollouts
    (gate,) = status.gates

    assert (status.route, status.to, status.step, status.verdict) == ("wine", NEW, 0, PASS)
    assert (status.requests, status.scored, status.due_us) == (ENOUGH, ENOUGH, 1 + EVERY_US)
    assert gate.value == pytest.approx(0.1)
    assert (gate.samples, gate.verdict) == (ENOUGH, PASS)


def test_a_verdict_that_everybody_would_refuse_is_told_and_not_said(world: World) -> None:
    world.driver = world.operator(keys=Nobody())
    world.decide(5.0)
    world.pass_time(EVERY_US)

    assert world.turn() == []
    assert world.driver.rollouts[0].problem == "its verdict, pass, would be refused: not signed"


class Nobody:
    """A key ring without a key."""

    def check(self, opened: object, offset: int) -> None:  # noqa: ARG002 - as the protocol has it
        from rendezvous_control.errors import ControlError  # noqa: PLC0415

        raise ControlError("not signed")


def test_a_key_that_cannot_be_read_is_told_at_the_start(tmp_path: Path) -> None:
    assert read_signer(None) is None
    with pytest.raises(SettingsError, match="cannot be read"):
        read_signer(tmp_path / "none.pem")
    spoilt = tmp_path / "spoilt.pem"
    spoilt.write_text("no key")
    with pytest.raises(SettingsError, match="is not usable"):
        read_signer(spoilt)


def test_a_verdict_on_another_step_or_revision_is_refused(world: World) -> None:
    stale = StepRollout(route="wine", step=1, verdict=PASS)
    assert "at step 0, not 1" in refusal(world.state, stale).reason
    late = StepRollout(route="wine", step=0, verdict=PASS)
    assert "at revision 2, not 1" in refusal(world.state, late, expected=1).reason
