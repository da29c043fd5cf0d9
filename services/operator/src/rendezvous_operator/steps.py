"""The steps of roll-outs that are under way, and what decisions say of each: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from rendezvous_control.judging import Evidence
from rendezvous_control.measuring import Contest, Measurement
from rendezvous_control.state import RolloutEntry, RouteEntry, State
from scoring.v1.decision_pb2 import Decision


@dataclass(slots=True)
class Step:
    """
    One step: the decisions under *revision* since *from_us* (microseconds since the epoch).

    As a shadow (*warming*) the model counts, partition by partition, from its first score on, and the step
    lasts from then: before, its container is on the way, and nobody waits for it.
    """

    began: int
    revision: int
    from_us: int
    warming: bool
    measurement: Measurement
    _warm: set[int] = field(default_factory=set)
    _first_us: int = 0

    @property
    def since_us(self) -> int:
        """Since when it lasts, in microseconds since the epoch."""
        return max(self.from_us, self._first_us)

    def begin_again(self) -> None:
        """Forget what was counted."""
        self.measurement = Measurement(self.measurement.contest)
        self._warm.clear()
        self._first_us = 0

    def take(self, partition: int, decision: Decision) -> None:
        """Count *decision*, read from *partition*, if it is of this step."""
        answer = decision.answer
        if answer.revision != self.revision or answer.answered_at_us < self.from_us:
            return
        if self.warming and partition not in self._warm:
            if not self.measurement.has_candidate(decision):
                return
            self._warm.add(partition)
            self._first_us = min(self._first_us or answer.answered_at_us, answer.answered_at_us)
        self.measurement.add(decision)


class Steps:
    """
    The current step of each roll-out, by route.

    What a step has shown is made of decisions alone, so reading them again from *oldest_us* brings it back.
    One that is met at the first look began when its author says. One that comes later begins when it is seen:
    the clock of the author's machine may be wrong by more than a step lasts.
    """

    def __init__(self) -> None:
        self._steps: Mapping[str, Step] = {}
        self._has_looked = False

    def follow(self, state: State, now_us: int) -> None:
        """Begin the steps that are new in *state* at *now_us*, and forget those that are over."""
        self._steps = {
            name: self._kept(name, rollout) or _begin(entry, rollout, self._begins_at(rollout, now_us))
            for name, entry in state.routes.items()
            if (rollout := entry.rolling) is not None
        }
        self._has_looked = True

    def begin_again(self) -> None:
        """Forget what was counted: it will be read again."""
        for step in self._steps.values():
            step.begin_again()

    def take(self, partition: int, decision: Decision) -> None:
        """Count *decision* for the step of its route, if there is one."""
        step = self._steps.get(decision.answer.route)
        if step is not None:
            step.take(partition, decision)

    def evidence(self, route: str) -> Evidence:
        """Return what the step of *route* has shown so far."""
        step = self._steps[route]
        found = step.measurement
        return Evidence(step.since_us, found.requests, found.scored, found.estimates)

    def untold(self, route: str) -> int:
        """Return how many requests of the step of *route* say nothing of any model."""
        return self._steps[route].measurement.untold

    @property
    def oldest_us(self) -> int | None:
        """Since when decisions are wanted; None while no roll-out is under way."""
        return min((step.from_us for step in self._steps.values()), default=None)

    def _begins_at(self, rollout: RolloutEntry, now_us: int) -> int:
        return now_us if self._has_looked else min(rollout.stamp.at_us, now_us)

    def _kept(self, route: str, rollout: RolloutEntry) -> Step | None:
        step = self._steps.get(route)
        return step if step is not None and step.began == rollout.stamp.offset else None


def _begin(entry: RouteEntry, rollout: RolloutEntry, from_us: int) -> Step:
    base = entry.revisions[rollout.base - 1].route
    contest = Contest(entry.name, rollout.plan.to, base.schedule[0].model, base.canary)
    return Step(
        began=rollout.stamp.offset,
        revision=entry.current.number,
        from_us=from_us,
        warming=rollout.step == 0,
        measurement=Measurement(contest),
    )
