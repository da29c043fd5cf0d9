"""Two things measured in turns, so that what else the machine does hits both alike."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.results import quantile

# One turn of something: the latencies that it had.
Turn = Callable[[], Sequence[int]]


@dataclass(frozen=True)
class Turns:
    """The latencies of two things, turn by turn: those of the same place were taken one after the other."""

    taken: Sequence[tuple[Sequence[int], Sequence[int]]]

    def first(self, percent: int) -> float:
        """Return the median over the turns of the first one's percentile."""
        return self._median(0, percent)

    def second(self, percent: int) -> float:
        """Return the median over the turns of the second one's percentile."""
        return self._median(1, percent)

    def ratio(self, percent: int) -> float:
        """Return the median over the turns of how the first one's percentile stands to the second one's."""
        return statistics.median(
            percentile(ours, percent) / percentile(theirs, percent) for ours, theirs in self.taken
        )

    def _median(self, place: int, percent: int) -> float:
        return statistics.median(percentile(turn[place], percent) for turn in self.taken)


def take_turns(first: Turn, second: Turn, turns: int) -> Turns:
    """Return what both had in so many *turns* each; they take it in turns to begin, too."""
    taken = []
    for turn in range(turns):
        if turn % 2:
            theirs = second()
            taken.append((first(), theirs))
        else:
            taken.append((first(), second()))
    return Turns(taken)


def percentile(values: Sequence[int], percent: int) -> float:
    """Return the smallest of *values* that at least *percent* of a hundred do not exceed."""
    return quantile(values, percent / 100)
