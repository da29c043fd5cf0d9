"""Listens to the topic status; who holds its partition is the operator that acts, and that speaks."""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rendezvous_contracts.topics import STATUS
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Record, Send, TopicPartition
from scoring.v1.status_pb2 import Status

from rendezvous_operator.wire import read_status

_PARTITION: Final = 0


class StatusHandler:
    """
    Keeps the newest word of each instance.

    *heard* may be read from any thread: it is swapped in whole. *leading*: of several operators the one that
    acts. *undecodable* counts records that are no status. *post* may be called from any thread.
    """

    topics: Final[Sequence[str]] = (STATUS,)

    def __init__(self) -> None:
        self.heard: Mapping[str, Status] = {}
        self.leading = False
        self.undecodable = 0
        self._posted: deque[tuple[int, Send]] = deque()

    def post(self, send: Send, now: Now) -> None:
        """Have *send* produced, if this operator still leads then: who was frozen asks the group before."""
        self._posted.append((now.mono, send))

    def on_assign(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002
        """Begin to act."""
        if _PARTITION in partitions:
            self.heard = {}
            self.leading = True

    def start_offset(self, where: TopicPartition) -> int | None:  # noqa: ARG002
        """Return the beginning: what is said there is needed whole."""
        return 0

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:  # noqa: ARG002
        """Take in what was said; a record without a value takes back what its instance said."""
        heard = dict(self.heard)
        for record in records:
            status = read_status(record)
            if status is not None:
                heard[status.instance] = status
            elif record.value() is None:
                heard.pop((record.key() or b"").decode(errors="replace"), None)
            else:
                self.undecodable += 1
        self.heard = heard
        return ()

    def on_time(self, now: Now) -> Sequence[Send]:  # noqa: ARG002
        """Return what was posted."""
        sends = []
        while self._posted:
            sends.append(self._posted.popleft()[1])
        return sends

    def next_time(self) -> int | None:
        """Return since when something is posted; None if nothing is."""
        return self._posted[0][0] if self._posted else None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Keep nothing back."""
        return {}

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002
        """Leave it to another operator."""
        if _PARTITION in partitions:
            self.leading = False
            self._posted.clear()
