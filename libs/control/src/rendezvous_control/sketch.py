"""Quantiles of many positive numbers in little memory, to a stated relative accuracy; mergeable."""

import math
from collections import Counter
from typing import Final

_ACCURACY: Final = 0.01
_GAMMA: Final = (1 + _ACCURACY) / (1 - _ACCURACY)
_PER_LOG: Final = 1 / math.log(_GAMMA)
_SMALLEST: Final = 1e-9
_LARGEST: Final = 1e15
_ZERO: Final = math.floor(math.log(_SMALLEST) * _PER_LOG)  # the bin below all others


class Sketch:
    """
    Counts in bins whose width grows with their value, so every quantile is right to 1 %.

    Numbers up to 1e-9 count as 0 and those above 1e15 as 1e15, which bounds the bins at about 2,800.
    """

    __slots__ = ("bins",)

    def __init__(self) -> None:
        self.bins: Counter[int] = Counter()

    def add(self, value: float, times: int = 1) -> None:
        """Count *value* (not negative, not NaN) *times* times."""
        if value <= _SMALLEST:
            self.bins[_ZERO] += times
        else:
            self.bins[math.ceil(math.log(min(value, _LARGEST)) * _PER_LOG)] += times

    def merge(self, other: "Sketch") -> None:
        """Count all that *other* has counted."""
        self.bins.update(other.bins)

    @property
    def count(self) -> int:
        """How many numbers were counted."""
        return self.bins.total()

    def quantile(self, share: float) -> float:
        """Return the value that *share* (0 to 1) of the numbers do not exceed; 0 if there are none."""
        bins = self.bins.copy()  # another thread may be counting
        return _at_rank(bins, max(1, math.ceil(share * bins.total())))

    def at_rank(self, rank: int) -> float:
        """Return the number at *rank* of all in their order, from 1; 0 behind the last."""
        return _at_rank(self.bins.copy(), rank)


def _at_rank(bins: Counter[int], rank: int) -> float:
    seen = 0
    for index, times in sorted(bins.items()):
        seen += times
        if seen >= rank:
            return 0.0 if index == _ZERO else 2 * _GAMMA**index / (_GAMMA + 1)
    return 0.0
