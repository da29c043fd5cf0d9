"""The answers that a gateway remembers, so that a repeated request gets the same one again."""

from collections import OrderedDict
from typing import Final, NamedTuple

from scoring.v1.answer_pb2 import Answer


class Reply(NamedTuple):
    """An answer, and the partition that its request has in every topic."""

    answer: Answer
    partition: int


class _Kept(NamedTuple):
    digest: int
    partition: int
    source: int
    encoded: bytes


_OVERHEAD: Final = 300  # bytes that an entry takes beside its answer, measured with CPython 3.11


class Memory:
    """Keeps answers by request id up to *limit* bytes; the oldest is forgotten first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, request_id: str) -> bool:
        return request_id in self._kept

    def keep(self, reply: Reply, digest: int, encoded: bytes) -> None:
        """Remember *reply*, whose answer is *encoded*, as the answer to the question of *digest*."""
        self._kept[reply.answer.id] = _Kept(digest, reply.partition, reply.answer.source, encoded)
        self._size += len(encoded) + _OVERHEAD
        while self._size > self._limit:
            _, oldest = self._kept.popitem(last=False)
            self._size -= len(oldest.encoded) + _OVERHEAD

    def digest(self, request_id: str) -> int | None:
        """Return the digest of the question that *request_id* was; None if it is not remembered."""
        kept = self._kept.get(request_id)
        return None if kept is None else kept.digest

    def source(self, request_id: str) -> int | None:
        """Return where the answer to *request_id* came from; None if it is not remembered."""
        kept = self._kept.get(request_id)
        return None if kept is None else kept.source

    def reply(self, request_id: str) -> Reply | None:
        """Return what *request_id* was answered; None if it is not remembered."""
        kept = self._kept.get(request_id)
        return None if kept is None else Reply(Answer.FromString(kept.encoded), kept.partition)
