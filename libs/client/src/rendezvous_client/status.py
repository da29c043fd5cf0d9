"""Who is there, how far along the control log, and whether they have all applied a change."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Message
from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import STATUS
from scoring.v1.status_pb2 import Status

from rendezvous_client.closing import Closing
from rendezvous_client.errors import TimedOutError
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader

# Services say something each second; one that was silent for so long is not counted on.
LIVE_S: Final = 6.0
_SLICE_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest word of one instance, and the stamp of its record, in seconds since the epoch."""

    status: Status
    at_s: float

    def is_live(self, now_s: float) -> bool:
        """Return whether the instance can be expected to go on talking."""
        return not self.status.stopping and now_s - self.at_s < LIVE_S


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The instances that have folded a control offset, and the reasons of those that say it was refused."""

    instances: tuple[str, ...]
    refusals: Mapping[str, str]


class StatusReader(Closing):
    """Keeps the newest Status of each instance; close it. *undecodable* counts records that are none."""

    def __init__(self, kafka: Kafka) -> None:
        self.heard: dict[str, Heard] = {}
        self.undecodable = 0
        self._reader = TopicReader(kafka, STATUS)

    def close(self) -> None:
        """Let go of the broker."""
        self._reader.close()

    def catch_up(self) -> Mapping[str, Heard]:
        """Read all that was written before this call; return the newest word of each instance."""
        for message in self._reader.catch_up():
            self._hear(message)
        return self.heard

    def _hear(self, message: Message) -> None:
        key, value = message.key(), message.value()
        if value is None:
            self.heard.pop((key or b"").decode(errors="replace"), None)
            return
        try:
            status = Status.FromString(value)
        except DecodeError:
            self.undecodable += 1
            return
        if not status.instance:  # nobody's word: it would be waited for
            self.undecodable += 1
            return
        self.heard[status.instance] = Heard(status, message.timestamp()[1] / 1000)

    def wait_applied(self, offset: int, timeout_s: float) -> Acknowledged:
        """
        Wait until every live instance has folded control *offset*; return who that is and who refused it.

        With no live instance there is nobody to wait for. Raises TimedOutError, which names the instances
        that have not got there.
        """
        deadline = time.monotonic() + timeout_s
        self.catch_up()
        while waiting := self._behind(offset):
            if time.monotonic() > deadline:
                raise TimedOutError(
                    f"not acknowledged within {timeout_s:g} s by {', '.join(waiting)}: it stays published, "
                    "and they apply it when they get there"
                )
            for message in self._reader.read(_SLICE_S):
                self._hear(message)
        return self._acknowledged(offset)

    def _live(self) -> list[Status]:
        now_s = time.time()
        return [heard.status for _, heard in sorted(self.heard.items()) if heard.is_live(now_s)]

    def _behind(self, offset: int) -> list[str]:
        return [status.instance for status in self._live() if status.control_offset <= offset]

    def _acknowledged(self, offset: int) -> Acknowledged:
        live = self._live()
        refusals = {
            status.instance: refusal.reason
            for status in live
            for refusal in status.refusals
            if refusal.offset == offset
        }
        return Acknowledged(tuple(status.instance for status in live), refusals)


def read_status(kafka: Kafka) -> dict[str, Heard]:
    """Return the newest word of each instance, by its name."""
    with StatusReader(kafka) as reader:
        return dict(reader.catch_up())


def wait_applied(kafka: Kafka, offset: int, timeout_s: float) -> Acknowledged:
    """Wait as StatusReader.wait_applied does."""
    with StatusReader(kafka) as reader:
        return reader.wait_applied(offset, timeout_s)
