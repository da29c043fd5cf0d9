"""What is remembered for a while, within bounds."""

from collections import deque
from typing import Generic, TypeVar

from scoring.v1.score_pb2 import ScoreHead

T = TypeVar("T")


class Remembered(Generic[T]):
    """
    The newest values by request id: at least the last *keep*, at most twice as many.

    Two generations: when the young one is full it becomes the old one, and the old one is forgotten whole.
    So forgetting costs nothing per value.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._young: dict[bytes, T] = {}
        self._old: dict[bytes, T] = {}

    def put(self, key: bytes, value: T) -> None:
        """Remember *value* under *key*."""
        self._young[key] = value
        if len(self._young) >= self._keep:
            self._old, self._young = self._young, {}

    def get(self, key: bytes) -> T | None:
        """Return what is remembered under *key*, or None."""
        value = self._young.get(key)
        return self._old.get(key) if value is None else value

    def __len__(self) -> int:
        return len(self._young) + len(self._old)


class EarlyScore:
    """A score that came before its input, at monotonic time *arrived*; *offset* is its place in `scores`."""

    __slots__ = ("arrived", "head", "offset", "raw", "request_id", "taken")

    def __init__(self, request_id: bytes, head: ScoreHead, raw: bytes, offset: int, arrived: int) -> None:
        self.request_id = request_id
        self.head = head
        self.raw = raw
        self.offset = offset
        self.arrived = arrived
        self.taken = False


class EarlyScores:
    """Scores that overtook their inputs, held for a bounded time (microseconds) and in bounded number."""

    def __init__(self, hold_us: int, limit: int) -> None:
        self._hold_us = hold_us
        self._limit = limit
        self.by_id: dict[bytes, list[EarlyScore]] = {}
        self._in_order: deque[EarlyScore] = deque()
        self._held = 0

    def hold(self, early: EarlyScore) -> None:
        """Keep a score until its input comes."""
        self.by_id.setdefault(early.request_id, []).append(early)
        self._in_order.append(early)
        self._held += 1

    def take(self, request_id: bytes) -> list[EarlyScore]:
        """Return and forget the scores held for *request_id*, in the order of their arrival."""
        scores = self.by_id.pop(request_id, [])
        for early in scores:
            early.taken = True
        self._held -= len(scores)
        return scores

    def expire(self, now: int) -> list[EarlyScore]:
        """Return and forget those that were held long enough by *now*, and the oldest of too many."""
        gone = []
        while (oldest := self._oldest()) and (
            oldest.arrived + self._hold_us <= now or self._held > self._limit
        ):
            gone.append(self._in_order.popleft())
            self._held -= 1
            # In order of arrival here and there: the oldest of all is the first of its own.
            scores = self.by_id[oldest.request_id]
            del scores[0]
            if not scores:
                del self.by_id[oldest.request_id]
        return gone

    def next_time(self) -> int | None:
        """Return when expire has something to do next."""
        oldest = self._oldest()
        return oldest.arrived + self._hold_us if oldest else None

    def oldest_offset(self) -> int | None:
        """Return the lowest place in `scores` of those held, or None."""
        oldest = self._oldest()
        return oldest.offset if oldest else None

    def _oldest(self) -> EarlyScore | None:
        while self._in_order and self._in_order[0].taken:
            self._in_order.popleft()
        return self._in_order[0] if self._in_order else None

    def __len__(self) -> int:
        return self._held
