"""
When not to ask a server: pure.

A server that was not reached, or that failed so often in a row, is left alone for a while, so that it does
not cost the budget of every batch. A call that was given less time than the server usually takes says little
about the server, and counts for little. After a pause one batch may try; if that fails too, the next pause is
twice as long. A probe beside the traffic shortens the pause of a server that could not be reached, and only
of that one: one that says that it is ready and then does not answer is not believed.
"""

from dataclasses import dataclass
from typing import Final

_FAILURES: Final = 3.0
_HASTY: Final = 0.25
_FIRST_PAUSE_US: Final = 1_000_000
_LONGEST_PAUSE_US: Final = 30_000_000


@dataclass(slots=True)
class Circuit:
    """
    The record of one server, closed as long as it may be asked; times are monotonic microseconds.

    The data thread asks and notes, the probe's thread notes: each writes whole values only, and what one
    overwrites of the other costs one attempt at most.
    """

    reason: str = ""
    _failures: float = 0.0
    _retry_at: int | None = None
    _pause_us: int = _FIRST_PAUSE_US
    _reached: bool = True

    def allows(self, now: int) -> bool:
        """Return whether to ask at *now*; while it is open, once after each pause."""
        if self._retry_at is None:
            return True
        if now < self._retry_at:
            return False
        self._retry_at = now + self._pause_us
        return True

    def wait_us(self, now: int) -> int:
        """Return how long until it may be asked again."""
        return max(0, (self._retry_at or now) - now)

    def succeeded(self) -> None:
        """Note an answer: all is forgotten."""
        self._failures, self._retry_at, self._pause_us, self._reached = 0.0, None, _FIRST_PAUSE_US, True

    def failed(self, now: int, reason: str, *, reached: bool, hasty: bool = False) -> None:
        """
        Note that no answer came, and why.

        *reached*: a connection there was. *hasty*: there was less time than the server usually takes.
        """
        self.reason = reason
        self._reached = reached
        self._failures += _HASTY if hasty else 1.0
        if self._retry_at is not None:
            self._pause_us = min(2 * self._pause_us, _LONGEST_PAUSE_US)
        if self._failures >= _FAILURES or not reached:
            self._retry_at = now + self._pause_us

    def probed(self, now: int) -> None:
        """Note that a probe was answered."""
        if self._retry_at is not None and not self._reached:
            self._retry_at = now
