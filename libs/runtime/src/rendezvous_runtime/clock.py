"""Time, as everything here takes it: two numbers, read together."""

import time
from typing import Final, NamedTuple, Protocol


class Now(NamedTuple):
    """
    One moment, in microseconds.

    *mono* counts down deadlines and never goes back; *wall* is since the epoch, for stamps only.
    """

    mono: int
    wall: int


class Clock(Protocol):
    """Where now comes from."""

    def now(self) -> Now:
        """Return this moment."""
        ...


# Looked up once, and past the class: the data plane asks several times for each record of a quiet stream.
_new_now: Final = tuple.__new__


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Now:
        """Return this moment."""
        return _new_now(Now, (time.monotonic_ns() // 1000, time.time_ns() // 1000))
