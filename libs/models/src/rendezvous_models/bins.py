"""
Where values lie: counts in bins that are the same in every process, so that they can be added up.

A number's bin is named by its end that is nearer to zero: 0.2 wide below 2, then 0.5 wide up to 10, and the
same in every other decade from 0.001 to a million. A text is its own bin.
"""

from bisect import bisect_right
from collections import Counter
from typing import Final

from rendezvous_contracts.values import Plain
from rendezvous_runtime.families import OTHER

_TENTHS: Final = (*range(10, 20, 2), *range(20, 100, 5))
_EDGES: Final = [tenths * 10.0**power / 10 for power in range(-3, 6) for tenths in _TENTHS]
_NAMES: Final = ["0", *(f"{edge:g}" for edge in _EDGES)]
_MOST_BINS: Final = 64
_MOST_TEXT: Final = 40


class Bins:
    """Counts values by bin, in at most 64 bins: what would begin one more is counted as other."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def add(self, value: Plain) -> None:
        """Count *value*, if it is one that has a bin: a number, a flag or a text."""
        name = bin_of(value)
        if name is None:
            return
        if name not in self.counts and len(self.counts) >= _MOST_BINS:
            name = OTHER
        self.counts[name] += 1


def bin_of(value: Plain) -> str | None:
    """Return the name of the bin of *value*; None where it has none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        name = _NAMES[bisect_right(_EDGES, abs(value))]
        return f"-{name}" if value < 0 and name != "0" else name
    return value[:_MOST_TEXT] if isinstance(value, str) else None
