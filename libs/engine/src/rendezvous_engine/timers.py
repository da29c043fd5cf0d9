"""When open mailboxes are to be looked at again: one timer each."""

from heapq import heappop, heappush, heapreplace
from itertools import count

from rendezvous_engine.mailbox import Mailbox


class Timers:
    """Mailboxes by the time at which something is to be done with them, in monotonic microseconds."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Mailbox]] = []
        self._tickets = count()

    def arm(self, box: Mailbox, at: int) -> None:
        """Have *box* looked at at *at*."""
        heappush(self._heap, (at, next(self._tickets), box))

    def take(self, now: int) -> Mailbox | None:
        """Return and forget the next open mailbox that is due by *now*."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            box = heappop(heap)[2]
            if box.is_open:
                return box
        return None

    def next_time(self) -> int | None:
        """Return when something is to be done: not for a closed one, nor for a tier of an answered one."""
        heap = self._heap
        while heap:
            at, ticket, box = heap[0]
            if not box.is_open:
                heappop(heap)
            elif box.answer is not None and at < box.closes:
                heapreplace(heap, (box.closes, ticket, box))
            else:
                return at
        return None
