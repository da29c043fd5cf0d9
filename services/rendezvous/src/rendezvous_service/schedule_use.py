"""How the tiers of routes have answered since the process started: how often, how fast, with which model."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from rendezvous_engine.verdicts import Verdict
from scoring.v1.status_pb2 import ScheduleStatus, Status, TierStatus

_MOST_US: Final = 2**32 - 1


@dataclass(slots=True)
class TierUse:
    """
    Answers of one tier with one model; written by the data thread, read by any.

    *since_us*: of the first, microseconds since the epoch. The others: from a request to its answer.
    """

    rule: str
    since_us: int = 0
    count: int = 0
    duration_us: int = 0
    min_us: int = 0
    max_us: int = 0

    def add(self, elapsed_us: int, sent_at_us: int) -> None:
        """Count an answer to a request that was sent at *sent_at_us*."""
        if not self.count:
            self.since_us = sent_at_us + elapsed_us
            self.min_us = elapsed_us
        self.count += 1
        self.duration_us += elapsed_us
        if elapsed_us < self.min_us:
            self.min_us = elapsed_us
        elif elapsed_us > self.max_us:
            self.max_us = elapsed_us


class ScheduleUse:
    """
    The use of each tier, by route, tier, what was answered, and model.

    Revisions come and go and a tier stays what it is, so this grows with the models that ever answered.
    """

    def __init__(self) -> None:
        self._uses: dict[tuple[str, int, int, str], TierUse] = {}

    def of(self, verdict: Verdict) -> TierUse:
        """Return what counts the answers that *verdict* decides."""
        key = (verdict.route, verdict.tier, int(verdict.source), verdict.model)
        use = self._uses.get(key)
        if use is None:
            use = TierUse(verdict.rule)
            self._uses = {**self._uses, key: use}
        use.rule = verdict.rule
        return use

    def chosen(self) -> Counter[str]:
        """Return how often each model's outputs were the answer."""
        found: Counter[str] = Counter()
        for (_, _, _, model), use in self._uses.items():
            if model:
                found[model] += use.count
        return found

    def describe(self, status: Status) -> None:
        """Add how each route has decided to *status*."""
        routes: dict[str, dict[int, TierStatus]] = {}
        for (route, tier, _, _), use in self._uses.items():
            if route and use.count:
                tiers = routes.setdefault(route, {})
                tiers[tier] = _merged(tiers[tier], use) if tier in tiers else _shown(tier, use)
        for route, tiers in sorted(routes.items()):
            ordered = [tiers[tier] for tier in sorted(tiers, key=lambda number: (number == 0, number))]
            status.schedules.append(ScheduleStatus(route=route, tiers=ordered))


def _shown(tier: int, use: TierUse) -> TierStatus:
    return TierStatus(
        tier=tier,
        rule=use.rule,
        since_us=use.since_us,
        count=use.count,
        duration_us=max(0, use.duration_us),
        # A request that waited out an outage took longer than the field can say.
        min_us=min(max(0, use.min_us), _MOST_US),
        max_us=min(max(0, use.max_us), _MOST_US),
    )


def _merged(one: TierStatus, use: TierUse) -> TierStatus:
    other = _shown(one.tier, use)
    newer = max(one, other, key=lambda status: status.since_us)
    return TierStatus(
        tier=one.tier,
        rule=newer.rule,
        since_us=min(one.since_us, other.since_us),
        count=one.count + other.count,
        duration_us=one.duration_us + other.duration_us,
        min_us=min(one.min_us, other.min_us),
        max_us=max(one.max_us, other.max_us),
    )
