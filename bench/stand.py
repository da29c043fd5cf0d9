"""The test stand: a broker of its own, what is written into it beforehand, and what runs against it."""

import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from rendezvous_contracts.topics import TOPICS, TopicSpec
from rendezvous_local.broker import Broker
from rendezvous_local.ports import free_port
from rendezvous_local.process import ProcessSpec
from rendezvous_local.services import HOST, Service, Surroundings, process_of
from rendezvous_local.topics import create_topics

from bench.errors import BenchError
from bench.processes import Running, running
from bench.scale import PARTITIONS

# topic, partition, key, value
Written = tuple[str, int, bytes, bytes]

_TIMEOUT_S: Final = 60.0
_STOP_S: Final = 5.0


class Stand:
    """One broker with the topics of the contracts, and a folder for all that is kept."""

    def __init__(self, bootstrap_servers: str, folder: Path) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._folder = folder
        self._named = 0
        self._done: set[str] = set()
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})

    def unique(self, name: str) -> str:
        """Return *name* with a number that makes it no other's."""
        self._named += 1
        return f"{name}-{self._named}"

    def once(self, what: str) -> bool:
        """Return whether this is the first call for *what*."""
        first = what not in self._done
        self._done.add(what)
        return first

    def create(self, *names: str) -> None:
        """Create topics that are laid out like any per-request topic."""
        specs = [TopicSpec(name, per_request=True, config={}) for name in names]
        create_topics(self.bootstrap_servers, PARTITIONS, specs)

    def empty(self, *names: str) -> None:
        """Delete topics of the contracts, which nobody uses now, and create them again."""
        for future in self._admin.delete_topics(list(names), operation_timeout=_TIMEOUT_S).values():
            future.result(_TIMEOUT_S)
        deadline = time.monotonic() + _TIMEOUT_S
        while set(names) & set(self._admin.list_topics(timeout=_TIMEOUT_S).topics):
            if time.monotonic() > deadline:
                raise BenchError(f"{', '.join(names)}: not deleted within {_TIMEOUT_S:g} s")
            time.sleep(0.05)
        create_topics(self.bootstrap_servers, PARTITIONS, [each for each in TOPICS if each.name in names])

    def write(self, records: Iterable[Written]) -> int:
        """Append *records*; return how many there were, once the broker has all."""
        producer = Producer({
            "bootstrap.servers": self.bootstrap_servers,
            "linger.ms": 50,
            "batch.size": 1_000_000,
            "queue.buffering.max.messages": 200_000,
            "enable.idempotence": True,
            "log_level": 0,
        })  # fmt: skip
        count = 0
        for topic, partition, key, value in records:
            while True:
                try:
                    producer.produce(topic, value, key, partition)
                except BufferError:
                    producer.poll(0.05)
                else:
                    break
            count += 1
        if producer.flush(_TIMEOUT_S):
            raise BenchError(f"the broker did not take all records within {_TIMEOUT_S:g} s")
        return count

    def program(self, module: str, *arguments: str) -> ProcessSpec:
        """Return a program of the bench as a process; it is told where the broker is first."""
        argv = (sys.executable, "-m", module, self.bootstrap_servers, *arguments)
        return ProcessSpec(self.unique(module), argv, grace_s=_STOP_S)

    def service(self, name: str, module: str, **env: str) -> ProcessSpec:
        """Return a service as a process, as the local stack runs it."""
        around = Surroundings(self.bootstrap_servers, self._folder, "WARNING")
        return process_of(Service(name, module, env=env), around, free_port())

    def running(self, *specs: ProcessSpec) -> AbstractContextManager[list[Running]]:
        """Run processes until the block ends."""
        return running(*specs, log_dir=self._folder)


def web_door(spec: ProcessSpec) -> str:
    """Return host:port of where the service *spec* shows its health, metrics and state."""
    return f"{HOST}:{spec.env['RENDEZVOUS_WEB_PORT']}"


@contextmanager
def open_stand() -> Iterator[Stand]:
    """Start a broker for the length of the block, and leave nothing of it."""
    with (
        tempfile.TemporaryDirectory(prefix="rendezvous-bench-") as folder,
        Broker(Path(folder) / "broker", heap="1g") as broker,
    ):
        create_topics(broker.bootstrap_servers, PARTITIONS)
        yield Stand(broker.bootstrap_servers, Path(folder))
