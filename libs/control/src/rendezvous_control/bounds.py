"""
Between what a measured figure most likely lies: confidence bounds of counts, shares, means and quantiles.

A bound is asked for with *z*, the quantile of the normal distribution for the confidence wanted: 1.96 for
95 % between both ends. Counts have Byar's approximation to the exact limits of a Poisson count (Breslow and
Day, Statistical Methods in Cancer Research, volume 2, IARC 1987, page 69), which holds from a count of 0 on
and, for the share of a whole, errs on the wide side. The bounds of a quantile are order statistics: how
many samples may lie above it is again a count.
"""

import math
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Final

# Of fewer samples, the spread itself is not known well enough to say anything of their mean.
_MEAN_SAMPLES: Final = 30


@dataclass(frozen=True, slots=True)
class Estimate:
    """What *samples* requests say of a metric: the true value is between *low* and *high*, most likely."""

    value: float
    low: float
    high: float
    samples: int


def count_low(count: int, z: float) -> float:
    """Return the low bound of what a *count* was expected to be."""
    if count == 0:
        return 0.0
    return count * max(0.0, 1 - 1 / (9 * count) - z / (3 * math.sqrt(count))) ** 3


def count_high(count: int, z: float) -> float:
    """Return the high bound of what a *count* was expected to be."""
    more = count + 1
    return more * float(1 - 1 / (9 * more) + z / (3 * math.sqrt(more))) ** 3


def share_of(count: int, samples: int, z: float) -> Estimate:
    """Return the share that *count* of *samples* (1 or more) shows."""
    low, high = count_low(count, z) / samples, count_high(count, z) / samples
    return Estimate(count / samples, min(low, 1.0), min(high, 1.0), samples)


def quantile_ranks(share: float, samples: int, z: float) -> tuple[int, int]:
    """
    Return the ranks, from 1, of the *samples* (sorted) between which the quantile *share* (0 to 1) lies.

    Rank 0: no sample is low enough to be a bound; *samples* + 1: none is high enough.
    """
    above = samples * (1 - share)  # so many are expected above the quantile
    # The fewest samples from some rank on that are more than could be above it.
    many = bisect_right(range(samples + 1), above, key=lambda count: count_low(count, z))
    # The most samples behind some rank that are fewer than have to be above it, and one more.
    few = bisect_left(range(samples + 1), above, key=lambda count: count_high(count, z))
    return max(0, samples + 1 - many), samples + 1 - few


@dataclass(slots=True)
class Mean:
    """The mean of numbers and how far they spread, by Welford's method: no number is kept."""

    samples: int = 0
    value: float = 0.0
    _squares: float = 0.0

    def add(self, number: float) -> None:
        """Count *number*, which is finite."""
        self.samples += 1
        before = number - self.value
        self.value += before / self.samples
        self._squares += before * (number - self.value)

    def estimate(self, z: float) -> Estimate:
        """Return the mean of numbers that are not negative; of too few its bounds say nothing."""
        if self.samples < _MEAN_SAMPLES:
            return Estimate(self.value, 0.0, math.inf, self.samples)
        margin = z * math.sqrt(self._squares / (self.samples - 1) / self.samples)
        return Estimate(self.value, max(0.0, self.value - margin), self.value + margin, self.samples)
