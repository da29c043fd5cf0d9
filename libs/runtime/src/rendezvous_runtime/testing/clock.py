"""Time that moves when it is told to."""

from typing import Final

from rendezvous_runtime.clock import Now

# Neither begins at 0, so that a missing stamp does not look like an early one.
_MONO: Final = 1_000_000_000
_WALL: Final = 1_760_000_000_000_000


class VirtualClock:
    """A Clock in microseconds; *wall* may be moved on its own, as an operator moves a machine's."""

    def __init__(self, mono: int = _MONO, wall: int = _WALL) -> None:
        self._mono = mono
        self._wall = wall

    def now(self) -> Now:
        """Return this moment."""
        return Now(self._mono, self._wall)

    def advance(self, us: int) -> None:
        """Let *us* microseconds pass; raises ValueError for a negative number."""
        if us < 0:
            raise ValueError(f"{us} us: time does not go back")
        self._mono += us
        self._wall += us

    def advance_to(self, mono: int) -> None:
        """Let time pass until *mono*; raises ValueError if that is gone by."""
        self.advance(mono - self._mono)

    def step_wall(self, us: int) -> None:
        """Set the wall clock forward or back by *us*; the monotonic one does not notice."""
        self._wall += us
