"""Time, as everything here takes it: two numbers, read together."""

import time
from typing import NamedTuple, Protocol


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


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Now:
        """Return this moment."""
        return Now(time.monotonic_ns() // 1000, time.time_ns() // 1000)
