"""Which of the partitions that a gateway owns a request goes to."""

from collections.abc import Collection
from zlib import crc32


class Ring:
    """
    Maps request ids to *partitions*: evenly, the same id always to the same one.

    A gateway that owns all partitions uses the one that Kafka's own clients choose for the id as a key (in
    librdkafka's default), so a request comes to the same place whichever way it is sent.
    """

    def __init__(self, partitions: Collection[int] = ()) -> None:
        self.partitions = frozenset(partitions)
        self._ordered = sorted(self.partitions)

    def __bool__(self) -> bool:
        return bool(self._ordered)

    def partition(self, request_id: str) -> int:
        """Return the partition of *request_id*; there has to be one (bool)."""
        return self._ordered[crc32(request_id.encode()) % len(self._ordered)]
