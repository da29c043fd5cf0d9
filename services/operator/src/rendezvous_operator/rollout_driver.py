"""
Drives the roll-outs of the control log: measures each step, and says in the log what is next.

Nothing that matters is kept here. Where a roll-out stands is the fold of the control log; what its step has
shown is read from `decisions`, again after a restart. A verdict names the revision and the step that it is
about, and has an id that is the same whoever says it: said twice, it changes nothing.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, Protocol

import structlog
from rendezvous_contracts.topics import CONTROL
from rendezvous_control.envelope import Verifier
from rendezvous_control.fold import fold_record
from rendezvous_control.judging import next_step, verdict_name
from rendezvous_control.state import RolloutEntry, RouteEntry, State
from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.stream import Send
from scoring.v1.control_pb2 import Control, StepRollout
from scoring.v1.status_pb2 import RolloutStatus

from rendezvous_operator.decisions import DecisionsError, Read
from rendezvous_operator.rollout_report import describe_step, report_rollout
from rendezvous_operator.steps import Steps

# Of reading, in one turn.
_TURN_US: Final = 1_000_000
_log = structlog.get_logger(__name__)


class Decisions(Protocol):
    """Where decisions come from: see DecisionReader."""

    caught_up: bool

    @property
    def is_open(self) -> bool: ...  # noqa: D102 - as there
    def open(self, from_us: int) -> None: ...  # noqa: D102 - as there
    def read(self) -> list[Read]: ...  # noqa: D102 - as there
    def close(self) -> None: ...  # noqa: D102 - as there


class Voice:
    """
    Says what is next in the control log: in the name of *author*, signed by *sign* if there is a key.

    *keys*: whose signatures count here, so that what everybody would refuse is not said. *post* sends.
    """

    def __init__(
        self,
        author: str,
        sign: Callable[[Control], Control] | None,
        keys: Verifier | None,
        post: Callable[[Send, Now], None],
    ) -> None:
        self._author = author
        self._sign = sign
        self._keys = keys
        self._post = post

    def say(self, state: State, entry: RouteEntry, rollout: RolloutEntry, step: StepRollout, now: Now) -> str:
        """Say *step*; return why it would be refused, or an empty text."""
        message = Control(
            id=_id_of(rollout, step),
            author=self._author,
            at_us=now.wall,
            reason=describe_step(rollout, step),
            expected_revision=entry.current.number,
            step_rollout=step,
        )
        record = (self._sign(message) if self._sign else message).SerializeToString()
        _, refused = fold_record(state, record, state.next_offset, self._keys)
        if refused is not None:
            return refused.reason
        self._post(Send(CONTROL, 0, message.id.encode(), record), now)
        return ""


class RolloutDriver:
    """
    Takes one turn after the other while this operator leads; any thread may call *close*.

    *rollouts* is how each step does, swapped in whole; *verdicts* counts what was said.
    """

    def __init__(self, decisions: Decisions, voice: Voice, clock: Clock, *, read_back_us: int) -> None:
        self.rollouts: list[RolloutStatus] = []
        self.verdicts: Counter[str] = Counter()
        self._decisions = decisions
        self._voice = voice
        self._clock = clock
        self._read_back_us = read_back_us
        self._steps = Steps()
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def close(self) -> None:
        """Let go of the roll-outs, once a turn that is under way is over."""
        with self._lock:
            self._rest()
            self._steps = Steps()

    def turn(self, state: State) -> None:
        """Measure, judge, and say what is next."""
        with self._lock:
            self._turn(state)

    def _turn(self, state: State) -> None:
        self._steps.follow(state, self._clock.now().wall)
        rolling = [
            (entry, rollout) for entry in state.routes.values() if (rollout := entry.rolling) is not None
        ]
        if not rolling:
            self._rest()
            return
        trouble = self._measure()
        self.rollouts = [self._judge(state, entry, rollout, trouble) for entry, rollout in rolling]

    def _rest(self) -> None:
        self._decisions.close()
        self._said.clear()
        self.rollouts = []

    def _measure(self) -> str:
        """Take in the decisions that have come; return why that is not all of them, or an empty text."""
        try:
            for each in self._read():
                self._steps.take(each.partition, each.decision)
        except DecisionsError as error:
            # They are read again from the beginning of the step, and must not count twice.
            self._steps.begin_again()
            return str(error)
        return "" if self._decisions.caught_up else "it reads the decisions of the step"

    def _read(self) -> Iterator[Read]:
        now = self._clock.now()
        if not self._decisions.is_open:
            wanted = self._steps.oldest_us or now.wall
            self._decisions.open(max(wanted, now.wall - self._read_back_us))
        while True:
            yield from self._decisions.read()
            if self._decisions.caught_up or self._clock.now().mono - now.mono > _TURN_US:
                return

    def _judge(self, state: State, entry: RouteEntry, rollout: RolloutEntry, trouble: str) -> RolloutStatus:
        now = self._clock.now()
        evidence = self._steps.evidence(entry.name)
        status = report_rollout(entry, rollout, evidence, now.wall)
        status.untold = self._steps.untold(entry.name)
        status.problem = trouble
        if trouble:
            return status
        step = next_step(entry, evidence, now.wall)
        if step is not None and _id_of(rollout, step) not in self._said:
            status.problem = self._say(state, entry, rollout, step, now)
        return status

    def _say(
        self, state: State, entry: RouteEntry, rollout: RolloutEntry, step: StepRollout, now: Now
    ) -> str:
        why = self._voice.say(state, entry, rollout, step, now)
        verdict = verdict_name(step.verdict)
        if why:
            _log.warning("a verdict would be refused", route=entry.name, verdict=verdict, why=why)
            return f"its verdict, {verdict}, would be refused: {why}"
        self._said.add(_id_of(rollout, step))
        self.verdicts[verdict] += 1
        _log.info("judged", route=entry.name, step=step.step, verdict=verdict, detail=step.detail)
        return ""


def _id_of(rollout: RolloutEntry, step: StepRollout) -> str:
    """Return the id of a verdict: one for each beginning of a step."""
    return f"rollout-step-{rollout.stamp.offset}-{verdict_name(step.verdict)}"
