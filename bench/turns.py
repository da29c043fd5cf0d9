"""What is compared, measured in turns, so that what else the machine does hits all alike."""

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from bench.results import quantile

# One turn of something: the latencies that it had.
Turn = Callable[[], Sequence[int]]


@dataclass(frozen=True)
class Turns:
    """The latencies of two things, turn by turn: those of the same place were taken one after the other."""

    taken: Sequence[tuple[Sequence[int], Sequence[int]]]

    def first(self, percent: int) -> float:
        """Return the median over the turns of the first one's percentile."""
        return typical((ours for ours, _ in self.taken), percent)

    def second(self, percent: int) -> float:
        """Return the median over the turns of the second one's percentile."""
        return typical((theirs for _, theirs in self.taken), percent)

    def ratio(self, percent: int) -> float:
        """Return the median over the turns of how the first one's percentile stands to the second one's."""
        return statistics.median(
            percentile(ours, percent) / percentile(theirs, percent) for ours, theirs in self.taken
        )

    def moved(self, percent: int) -> float:
        """Return the median over the turns of how far the first one's percentile exceeds the second one's."""
        return statistics.median(self._moves(percent))

    def moved_most(self, percent: int) -> float:
        """Return how far the two percentiles of a turn are apart at most, whichever is larger."""
        return max(map(abs, self._moves(percent)))

    def _moves(self, percent: int) -> list[float]:
        return [percentile(ours, percent) - percentile(theirs, percent) for ours, theirs in self.taken]


@dataclass(frozen=True)
class Rounds:
    """
    Something that comes and goes beside what is measured, and what the same measurement says of nothing.

    *something*: what was had beside it, to what the quiet turns had before and after it. *nothing*: of each
    two quiet turns between which nothing happened, the later one to the earlier one.
    """

    something: Turns
    nothing: Turns


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


def take_rounds(something: Turn, quiet: Turn, rounds: int) -> Rounds:
    """Return what both had: *something* so many *rounds*, with two turns of *quiet* before and after each."""
    somethings, quiets = [], [(quiet(), quiet())]
    for _ in range(rounds):
        somethings.append(something())
        quiets.append((quiet(), quiet()))
    around = [[*before, *after] for (_, before), (after, _) in pairwise(quiets)]
    nothing = [(later, earlier) for earlier, later in quiets]
    return Rounds(Turns(list(zip(somethings, around, strict=True))), Turns(nothing))


def typical(turns: Iterable[Sequence[int]], percent: int) -> float:
    """Return the median over *turns* of their percentile."""
    return statistics.median(percentile(turn, percent) for turn in turns)


def percentile(values: Sequence[int], percent: int) -> float:
    """Return the smallest of *values* that at least *percent* of a hundred do not exceed."""
    return quantile(values, percent / 100)
