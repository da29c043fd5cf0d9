"""How far a handler's work is done, and how much of it is safe: in windows of acknowledgements."""

from typing import Final

from rendezvous_runtime.clock import Now
from rendezvous_runtime.delivery import Delivery, Offsets
from rendezvous_runtime.membership import Membership
from rendezvous_runtime.stream import Handler

# A window: so much work or so much time.
_WINDOW_RECORDS: Final = 200
_WINDOW_US: Final = 20_000


class Progress:
    """What is done since the last window, and what may be committed; *positions* are as of that window."""

    def __init__(self, handler: Handler, membership: Membership, delivery: Delivery, now: Now) -> None:
        self._handler = handler
        self._membership = membership
        self._delivery = delivery
        self._done = 0
        self._marked_at = now.mono
        self._safe: Offsets = {}
        self.positions: Offsets = {}

    def add(self, done: int) -> None:
        """Count records, or timers, that were handled."""
        self._done += done

    def mark_if_due(self, now: Now) -> None:
        """Close the window if it is full, or has been open for long enough."""
        if self._done >= _WINDOW_RECORDS or (self._done and now.mono - self._marked_at > _WINDOW_US):
            self.mark(now)

    def mark(self, now: Now) -> None:
        """Note which offsets are safe once all that was produced until now is acknowledged."""
        self._marked_at = now.mono
        self._done = 0
        if self._membership.partitions:
            self.positions = self._membership.positions()
            self._delivery.mark({**self.positions, **self._handler.checkpoint()})

    def commit(self, *, wait: bool) -> None:
        """Commit what is safe. Raises as Delivery.acknowledged and Membership.commit do."""
        self._safe = self._delivery.acknowledged() or self._safe
        self._membership.commit(self._safe, wait=wait)

    def forget(self) -> None:
        """Begin anew: the partitions are gone."""
        self._done = 0
        self._safe = self.positions = {}
