"""A service that answers each request with its own bytes; the tests of the shell run it as a process."""

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar, Final

from rendezvous_contracts.topics import ANSWERS, REQUESTS
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.settings import ServiceSettings, read_settings
from rendezvous_runtime.shell import create_service_app, run
from rendezvous_runtime.stream import Record, Send, TopicPartition
from scoring.v1.status_pb2 import MODEL_STATE_READY, ModelStatus, Status

LINGERING: Final = b" lingers"


class EchoSettings(ServiceSettings):
    service: ClassVar[str] = "echo"


class Echo:
    """
    Sends what it reads to answers; raises at the value *fatal*, as a handler with a defect would.

    At *fatal* followed by LINGERING it also never lets go of its partitions.
    """

    topics: Sequence[str] = (REQUESTS,)

    def __init__(self, fatal: bytes) -> None:
        self._fatal = fatal
        self._lingers = False

    def on_assign(self, partitions: Collection[int], now: Now) -> None:
        pass

    def on_records(self, records: Sequence[Record], _: Now) -> Sequence[Send]:
        sends = []
        for record in records:
            if record.value() in (self._fatal, self._fatal + LINGERING):
                self._lingers = record.value() != self._fatal
                raise RuntimeError("a defect of the handler")
            sends.append(Send(ANSWERS, record.partition(), record.key(), record.value() or b""))
        return sends

    def on_time(self, _: Now) -> Sequence[Send]:
        return ()

    def next_time(self) -> int | None:
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        return {}

    def on_revoke(self, _: Collection[int], __: Now) -> None:
        if self._lingers:
            threading.Event().wait()


def describe(status: Status) -> None:
    status.models.append(ModelStatus(model="wine-forest@1", state=MODEL_STATE_READY))


if __name__ == "__main__":
    settings = read_settings(EchoSettings)
    run(create_service_app(settings, Echo(settings.instance.encode()), ControlView(), describe=describe))
