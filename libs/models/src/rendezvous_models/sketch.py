"""Quantiles of many positive numbers in little memory, to a stated relative accuracy; mergeable."""

import math
from collections.abc import Mapping
from typing import Final

_ACCURACY: Final = 0.01
_GAMMA: Final = (1 + _ACCURACY) / (1 - _ACCURACY)
_PER_LOG: Final = 1 / math.log(_GAMMA)
_SMALLEST: Final = 1e-9
_LARGEST: Final = 1e15


class Sketch:
    """
    Counts in bins whose width grows with their value, so every quantile is right to 1 %.

    Numbers up to 1e-9 count as 0 and those above 1e15 as 1e15, which bounds the bins at about 2,800.
    """

    __slots__ = ("_bins", "_zeros", "count")

    def __init__(self) -> None:
        self.count = 0
        self._zeros = 0
        self._bins: dict[int, int] = {}

    def add(self, value: float, times: int = 1) -> None:
        """Count *value* (not negative, not NaN) *times* times."""
        self.count += times
        if value <= _SMALLEST:
            self._zeros += times
        else:
            index = math.ceil(math.log(min(value, _LARGEST)) * _PER_LOG)
            self._bins[index] = self._bins.get(index, 0) + times

    def merge(self, other: "Sketch") -> None:
        """Count all that *other* has counted."""
        self.count += other.count
        self._zeros += other._zeros
        for index, times in other._bins.items():
            self._bins[index] = self._bins.get(index, 0) + times

    def quantile(self, share: float) -> float:
        """Return the value that *share* (0 to 1) of the numbers do not exceed; 0 if there are none."""
        bins: Mapping[int, int] = dict(self._bins)  # another thread may be counting
        wanted = max(1, math.ceil(share * (self._zeros + sum(bins.values()))))
        seen = self._zeros
        if seen >= wanted or not bins:
            return 0.0
        for index in sorted(bins):
            seen += bins[index]
            if seen >= wanted:
                break
        return 2 * _GAMMA**index / (_GAMMA + 1)
