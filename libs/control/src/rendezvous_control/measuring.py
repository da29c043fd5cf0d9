"""
What the decisions of a step say of the model that is rolled out: pure, in bounded memory.

Every model of a route scores every request, whoever answers, and a decision carries all that was said. So
the candidate is compared with the champion and the canary on the same requests at every step, as a shadow
too, and as many requests count at 1 % as at 50 %.
"""

import math
from dataclasses import dataclass, field
from typing import Final

from rendezvous_contracts.gates import CANARY, CHAMPION
from rendezvous_contracts.values import from_fields
from scoring.v1.answer_pb2 import Answer, Arrival
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import Score, ScoreStatus

from rendezvous_control.bounds import Estimate, Mean, quantile_ranks, share_of
from rendezvous_control.deltas import difference
from rendezvous_control.sketch import Sketch

# By metric, and with whom it compares.
Estimates = dict[tuple[str, str], Estimate]

_OK: Final = ScoreStatus.SCORE_STATUS_OK
_EXPIRED: Final = ScoreStatus.SCORE_STATUS_EXPIRED
_MS: Final = 1_000
_QUANTILES: Final = {"p50": 0.5, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Contest:
    """Who is measured on a route, and whom it is compared with (name@version); no *canary*: empty."""

    route: str
    candidate: str
    champion: str
    canary: str = ""


@dataclass(slots=True)
class _Quantiles:
    """Numbers, some of which are larger than any: *beyond* counts these."""

    sketch: Sketch = field(default_factory=Sketch)
    beyond: int = 0

    def estimate(self, share: float, z: float) -> Estimate | None:
        counted = self.sketch.count
        samples = counted + self.beyond
        if not samples:
            return None
        low, high = quantile_ranks(share, samples, z)
        return Estimate(
            self._at(max(1, math.ceil(share * samples)), counted),
            self._at(low, counted) if low else 0.0,
            self._at(high, counted),
            samples,
        )

    def _at(self, rank: int, counted: int) -> float:
        return self.sketch.at_rank(rank) if rank <= counted else math.inf


@dataclass(slots=True)
class _Against:
    """The candidate against one other model."""

    distances: _Quantiles = field(default_factory=_Quantiles)
    mean: Mean = field(default_factory=Mean)
    compared: int = 0
    disagreed: int = 0

    def add(self, candidate: Score, other: Score) -> None:
        found = difference(from_fields(candidate.outputs), from_fields(other.outputs))
        if found.largest is not None:
            self.distances.sketch.add(found.largest)
            self.mean.add(found.largest)
        if found.disagrees is not None:
            self.compared += 1
            self.disagreed += found.disagrees


class Measurement:
    """
    Counts the decisions of one step; *estimates* says what came of them.

    *requests* were asked, on *scored* of them the candidate said something that could answer. *untold* are
    those on which no model at all scored in time: of a stream that stood still, nobody's model is to blame.
    """

    def __init__(self, contest: Contest) -> None:
        self.contest = contest
        self.requests = 0
        self.scored = 0
        self.untold = 0
        self._errors = 0
        self._late = 0
        self._latency = _Quantiles()
        self._against = {CHAMPION: _Against(), CANARY: _Against()}

    def add(self, decision: Decision) -> None:
        """Count *decision*, of a request that the candidate was asked to score."""
        budget_us = _budget_us(decision.answer)
        in_time = [
            each.model for each in decision.arrivals if each.status == _OK and each.after_us < budget_us
        ]
        if not in_time:
            self.untold += 1
            return
        self.requests += 1
        scores = {score.model: score for score in decision.scores}
        candidate = scores.get(self.contest.candidate)
        self._time(self._arrival(decision), budget_us)
        if candidate is None or candidate.status != _OK:
            return
        self.scored += 1
        for against, model in ((CHAMPION, self.contest.champion), (CANARY, self.contest.canary)):
            other = scores.get(model)
            if other is not None and other.status == _OK:
                self._against[against].add(candidate, other)

    def has_candidate(self, decision: Decision) -> bool:
        """Return whether the candidate said anything about the request of *decision* that could answer."""
        arrival = self._arrival(decision)
        return arrival is not None and arrival.status == _OK

    def estimates(self, z: float) -> Estimates:
        """Return all that is known, by metric and whom it compares with; *z* as in bounds."""
        found: dict[tuple[str, str], Estimate | None] = {
            (f"{name}_ms", ""): self._latency.estimate(share, z) for name, share in _QUANTILES.items()
        }
        if self.requests:
            found["error_rate", ""] = share_of(self._errors, self.requests, z)
            found["late_rate", ""] = share_of(self._late, self.requests, z)
        for name, each in self._against.items():
            if each.mean.samples:
                found["mean_abs_delta", name] = each.mean.estimate(z)
                found["p99_abs_delta", name] = each.distances.estimate(_QUANTILES["p99"], z)
            if each.compared:
                found["disagreement_rate", name] = share_of(each.disagreed, each.compared, z)
        return {key: estimate for key, estimate in found.items() if estimate is not None}

    def _arrival(self, decision: Decision) -> Arrival | None:
        return next((each for each in decision.arrivals if each.model == self.contest.candidate), None)

    def _time(self, arrival: Arrival | None, budget_us: int) -> None:
        """Count when the candidate's score came, and whether it was one."""
        if arrival is None or arrival.status == _EXPIRED:
            self._late += 1
            self._latency.beyond += 1
        elif arrival.status != _OK:
            self._errors += 1
        else:
            self._late += arrival.after_us >= budget_us
            self._latency.sketch.add(arrival.after_us / _MS)


def _budget_us(answer: Answer) -> int:
    """Return how long the asker waits, from the arrival, by which arrivals are counted, to the deadline."""
    # A sender whose clock is fast says that it sent later than it did: its deadline is nearer to that.
    return answer.deadline_us - min(answer.sent_at_us, answer.answered_at_us)
