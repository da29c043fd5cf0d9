"""What can become of an input and of a score: nothing is dropped in silence, and each is counted."""

from enum import Enum, auto


class _Outcome(Enum):
    # Identity will do, and Enum's own hash costs as much as joining half a score.
    __hash__ = object.__hash__


class InputOutcome(_Outcome):
    """What became of an input."""

    OPENED = auto()
    """A new question: it has a mailbox now, or its answer at once."""
    SAME_RECORD = auto()
    """The record of a question already known, delivered once more: nothing to do."""
    REOPENED = auto()
    """Answered before a restart: no second answer, but its decision is completed."""
    REPEATED = auto()
    """Asked again with the same body: the same answer again."""
    CONFLICTING = auto()
    """Another question under a used id: refused, the first one stands."""


class ScoreOutcome(_Outcome):
    """What became of a score."""

    IN_TIME = auto()
    """It came while its question was open."""
    LATE = auto()
    """Its question was answered; it reached the decision."""
    AFTER_CLOSE = auto()
    """Its decision was already closed."""
    EARLY = auto()
    """It overtook its input and is held for a bounded time."""
    DUPLICATE = auto()
    """The model had scored this question; the first score stands."""
    UNEXPECTED = auto()
    """The revision of its question does not name its model; it reached the decision, and is never chosen."""
    UNKNOWN = auto()
    """Nobody asked: its input did not come while it was held, or there was no more room to hold it."""
