"""One flush on its way to the disk: tried until it succeeds."""

from collections.abc import Collection, Sequence
from concurrent.futures import Executor, Future
from typing import Final, Protocol

from rendezvous_runtime.stream import TopicPartition

from rendezvous_decoy.archive import Part
from rendezvous_decoy.writer import Written

# How often to look whether the writer is done, and how long to leave a disk alone that refused.
_LOOK_US: Final = 20_000
_RETRY_US: Final = 1_000_000


Done = tuple[TopicPartition, Written]


class Store(Protocol):
    """Where Parts go: writer.Writer. Both methods may raise OSError, and can be called again."""

    def recover(self, place: TopicPartition) -> int | None:
        """Make *place* whole and return its first offset not archived, None if it has none."""
        ...

    def commit(self, part: Part) -> Written:
        """Archive *part*."""
        ...


class Flush:
    """
    The parts that were taken together, and the attempt to write them.

    Times are monotonic microseconds; *oldest* is when its first row came, *began* when it was taken.
    """

    def __init__(self, parts: Sequence[Part], oldest: int, now: int) -> None:
        self.parts = parts
        self.oldest: Final = oldest
        self.began: Final = now
        self.rows: Final = sum(len(part.rows) for part in parts)
        self.attempts = 0
        self.wake_at = now
        self._attempt: Future[list[Done]] | None = None

    def attempt(self, writer: Executor, store: Store, now: int) -> None:
        """Have *writer* write all parts to *store*, unless it is at it, or it failed just now."""
        if self._attempt is None and now >= self.wake_at:
            self.attempts += 1
            self._attempt = writer.submit(_write, store, self.parts)

    def result(self, now: int) -> list[Done] | None:
        """Return what was written, by part; None if it is not done. Raises what the attempt failed with."""
        if self._attempt is None:
            return None
        if not self._attempt.done():
            self.wake_at = now + _LOOK_US
            return None
        done, self._attempt = self._attempt, None
        self.wake_at = now + _RETRY_US
        return done.result()

    def drop(self, places: Collection[TopicPartition]) -> None:
        """Leave out the parts of *places* from the next attempt; one that is being made goes on."""
        self.parts = [part for part in self.parts if part.place not in places]


def _write(store: Store, parts: Sequence[Part]) -> list[Done]:
    """Write all that can be; raise the last error if something could not."""
    done, failure = [], None
    for part in parts:
        try:
            done.append((part.place, store.commit(part)))
        except OSError as error:
            failure = error
    if failure is not None:
        raise failure
    return done
