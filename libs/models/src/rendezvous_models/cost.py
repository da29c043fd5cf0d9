"""How long a model takes for so many rows, as its last batches tell, and which rows there is time for."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

# What a batch still counts when the next one is there.
_KEEP: Final = 0.9
# Rows, squared: how far the sizes of batches have to spread before the line through them is believed. Without
# it, one slow batch a little larger than the others would set the slope until another of its size comes.
_RIDGE: Final = 1.0
# The part of the time that is left which a model may take: the score has to get back, and this is a guess.
_SHARE: Final = 0.8
# To leave rows out has to make a batch this much shorter: a model that takes as long for many as for one
# gains nothing by it.
_GAIN: Final = 1.2


class Due(Protocol):
    """What has to be done by a time."""

    @property
    def deadline_us(self) -> int:
        """When nobody waits for it any more, in microseconds since the epoch."""
        ...


D = TypeVar("D", bound=Due)


class Cost:
    """
    A line through what the last batches took, microseconds over rows; the older one is, the less it counts.

    It trusts: a larger batch than any before takes no longer, until one has been seen to.
    """

    __slots__ = ("_rows", "_spread", "_together", "_us", "_weight")

    def __init__(self) -> None:
        # The weight of all batches; their weighted means; and, weighted, the sums of the squares and products
        # of what they lie away from those.
        self._weight = self._rows = self._us = self._spread = self._together = 0.0

    def learn(self, rows: int, took_us: int) -> None:
        """Take in that a batch of *rows* took *took_us*."""
        self._weight = _KEEP * self._weight + 1.0
        further = rows - self._rows
        self._rows += further / self._weight
        self._us += (took_us - self._us) / self._weight
        self._spread = _KEEP * self._spread + further * (rows - self._rows)
        self._together = _KEEP * self._together + further * (took_us - self._us)

    def expect_us(self, rows: int) -> float:
        """Return how long a batch of *rows* is expected to take; 0 before the first."""
        if not self._weight:
            return 0.0
        slope = max(0.0, self._together / (self._spread + _RIDGE * self._weight))
        return max(0.0, self._us + slope * (rows - self._rows))


def in_time(work: Sequence[D], cost: Cost, now_us: int) -> tuple[Sequence[D], Sequence[D]]:
    """
    Return those of *work* that can be done in time as one batch begun at *now_us*, and those that cannot.

    Who is asked more than it can do, and does the oldest first, does everything too late. So those that have
    most time left are done, as many as there is time for; at least one, or nobody would see that a model is
    fast again; and all where it would hardly take longer.
    """
    if not work or cost.expect_us(len(work)) <= _SHARE * (min(map(_deadline, work)) - now_us):
        return work, ()
    newest = sorted(work, key=_deadline, reverse=True)

    def too_late(count: int) -> bool:
        return cost.expect_us(count) > _SHARE * (_deadline(newest[count - 1]) - now_us)

    count = max(1, bisect_right(range(1, len(newest) + 1), False, key=too_late))
    if cost.expect_us(len(newest)) <= _GAIN * cost.expect_us(count):
        return work, ()
    return newest[:count], newest[count:]


def _deadline(work: Due) -> int:
    return work.deadline_us
