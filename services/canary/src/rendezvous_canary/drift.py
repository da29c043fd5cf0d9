"""
Whether differences from the canary are spread as they used to be: the population stability index (PSI).

The first differences are the reference; they choose the bins, their tenths. Each full window after them is
compared with the reference: the sum over the bins of (share now - share then) * ln(share now / share then).
Below 0.1 little has changed, from 0.25 on much has: the limits are the custom in credit scoring, where the
index comes from (N. Siddiqi, Credit Risk Scorecards, 2006).
"""

import math
from bisect import bisect_right
from typing import Final

WINDOW: Final = 500
ALARM: Final = 0.25
_TENTHS: Final = 10
# In place of a count of none, which has no logarithm.
_LEAST: Final = 0.5


class Drift:
    """The differences of one output, window by window; *psi* is of the last full one, None before."""

    __slots__ = ("_counts", "_edges", "_first", "_reference", "_seen", "_window", "psi")

    def __init__(self, window: int = WINDOW) -> None:
        self._window = window
        self._first: list[float] = []
        self._edges: list[float] = []
        self._reference: list[int] = []
        self._counts: list[int] = []
        self._seen = 0
        self.psi: float | None = None

    @property
    def alarm(self) -> bool:
        """Whether the last full window is spread in another way than the reference."""
        return self.psi is not None and self.psi >= ALARM

    def add(self, delta: float) -> None:
        """Count one difference, a finite number."""
        if not self._edges:
            self._first.append(delta)
            if len(self._first) == self._window:
                self._settle()
            return
        self._counts[bisect_right(self._edges, delta)] += 1
        self._seen += 1
        if self._seen == self._window:
            self.psi = stability(self._reference, self._counts)
            self._begin()

    def _settle(self) -> None:
        """Choose the bins from the first differences, and count these."""
        ordered = sorted(self._first)
        tenths = {ordered[len(ordered) * place // _TENTHS] for place in range(1, _TENTHS)}
        # Where many are equal, these are a bin: what moves away from them is then seen on both sides.
        self._edges = sorted({edge for each in tenths for edge in (each, math.nextafter(each, math.inf))})
        self._reference = [0] * (len(self._edges) + 1)
        for delta in self._first:
            self._reference[bisect_right(self._edges, delta)] += 1
        self._first = []
        self._begin()

    def _begin(self) -> None:
        self._counts = [0] * (len(self._edges) + 1)
        self._seen = 0


def stability(reference: list[int], counts: list[int]) -> float:
    """Return the population stability index of *counts* against *reference*, counts by the same bins."""
    then = [max(count, _LEAST) for count in reference]
    now = [max(count, _LEAST) for count in counts]
    all_then, all_now = sum(then), sum(now)
    return sum(
        (mine / all_now - theirs / all_then) * math.log((mine / all_now) / (theirs / all_then))
        for mine, theirs in zip(now, then, strict=True)
    )
