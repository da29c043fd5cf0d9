"""Which of the partitions that a gateway owns a request goes to."""

from collections.abc import Collection
from typing import Final
from zlib import crc32

_SLOTS: Final = 1024


class Ring:
    """
    Maps request ids to *partitions*: evenly, the same id always to the same one.

    When the partitions change, only the ids of those that went, or that came, move (highest random weight,
    worked out once for each of a fixed number of slots).
    """

    def __init__(self, partitions: Collection[int] = ()) -> None:
        self.partitions = frozenset(partitions)
        self._slots = [
            max(self.partitions, key=lambda partition: _weight(slot, partition))
            for slot in range(_SLOTS if partitions else 0)
        ]

    def __bool__(self) -> bool:
        return bool(self.partitions)

    def partition(self, request_id: str) -> int:
        """Return the partition of *request_id*; there has to be one (bool)."""
        return self._slots[crc32(request_id.encode()) % _SLOTS]


def _weight(slot: int, partition: int) -> int:
    return crc32(b"%d/%d" % (slot, partition))
