"""A real Kafka broker on this machine: one KRaft node, from the jars that pom.xml names."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from rendezvous_local.errors import LocalError, NotReadyError
from rendezvous_local.jars import broker_jars, find_java
from rendezvous_local.ports import check_port, free_port
from rendezvous_local.tether import tethered

_HOST: Final = "127.0.0.1"
_POLL_S: Final = 0.02
_META: Final = "version=1\ncluster.id=cmVuZGV6dm91cy1sb2NhbA\nnode.id=1\n"
# The session timeout is how long a killed broker waits before its own controller lets it in again. A request
# is handed from a network thread to an io thread and back: more of them than processors only cost.
_PROPERTIES: Final = """\
process.roles=broker,controller
node.id=1
listeners=BROKER://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=BROKER://{host}:{port}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=BROKER
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller_port}
log.dirs={logs}
broker.heartbeat.interval.ms=250
broker.session.timeout.ms=2000
auto.create.topics.enable=false
num.network.threads={network_threads}
num.io.threads={io_threads}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
"""


def wait_for_broker(
    bootstrap_servers: str, timeout_s: float, process: subprocess.Popen[bytes] | None = None
) -> None:
    """
    Return once the broker answers a metadata request.

    Raises NotReadyError after *timeout_s* seconds, or as soon as *process*, if given, has ended.
    """
    deadline = time.monotonic() + timeout_s
    why_not = broker_ready(bootstrap_servers)
    while (why := why_not()) is not None:
        if process is not None and process.poll() is not None:
            raise NotReadyError(f"the broker ended with exit code {process.returncode}")
        if time.monotonic() > deadline:
            raise NotReadyError(f"{why}, after {timeout_s:g} s")
        time.sleep(_POLL_S)


def broker_ready(bootstrap_servers: str) -> Callable[[], str | None]:
    """Return a readiness check: ready is a broker that answers a metadata request."""

    def why_not() -> str | None:
        ready = _listens(bootstrap_servers) and _answers(bootstrap_servers)
        return None if ready else f"no broker answers at {bootstrap_servers}"

    return why_not


def _listens(bootstrap_servers: str) -> bool:
    host, _, port = bootstrap_servers.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=1.0).close()
    except OSError:
        return False
    return True


def _answers(bootstrap_servers: str) -> bool:
    # A new client each time: one that was refused once waits long before it tries again.
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    try:
        return bool(admin.list_topics(timeout=1.0).brokers)
    except KafkaException:
        return False


class Broker:
    """
    One broker with its data in *data_dir*; a context manager that starts and stops it.

    *port* 0 chooses a free one, kept over restarts. *heap* is the JVM's -Xmx. *short_lived* compiles less: it
    halves the CPU time of a start, saves a quarter of a processor for the first minute of load, and costs
    throughput later. The process has its own group and dies with the thread that started it. Starting raises
    MissingToolError, PortInUseError, NotReadyError.
    """

    def __init__(
        self,
        data_dir: Path,
        port: int = 0,
        *,
        heap: str = "512m",
        short_lived: bool = False,
        start_timeout_s: float = 120.0,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or free_port(_HOST)
        self.heap = heap
        self.log_file = self.data_dir / "broker.log"
        self._short_lived = short_lived
        self._start_timeout_s = start_timeout_s
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Where clients reach it, host:port."""
        return f"{_HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def prepare(self) -> list[str]:
        """Write the configuration into the data directory and return the command that runs the broker."""
        check_port(self.port, "the Kafka broker", "give it another port")
        logs = self.data_dir / "topics"
        logs.mkdir(parents=True, exist_ok=True)
        if not (logs / "meta.properties").exists():
            (logs / "meta.properties").write_text(_META)
        properties = self.data_dir / "server.properties"
        processors = os.cpu_count() or 1
        properties.write_text(
            _PROPERTIES.format(
                host=_HOST,
                port=self.port,
                controller_port=free_port(_HOST),
                logs=logs,
                network_threads=max(1, processors // 2),
                io_threads=max(2, processors),
            )
        )
        return [
            find_java(),
            f"-Xmx{self.heap}",
            "-XX:+UseSerialGC",
            *(["-XX:TieredStopAtLevel=1"] if self._short_lived else []),
            "-Djava.awt.headless=true",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
            "-cp",
            f"{broker_jars()}/*",
            "kafka.Kafka",
            str(properties),
        ]

    def start(self) -> None:
        """Start the process and return once it answers."""
        if self.pid is not None:
            raise LocalError(f"the broker on {self.data_dir} runs already: pid {self.pid}")
        argv = self.prepare()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                tethered(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        try:
            wait_for_broker(self.bootstrap_servers, self._start_timeout_s, self._process)
        except NotReadyError as error:
            self.kill()
            raise NotReadyError(f"{error}; the end of {self.log_file}:\n{self._log_tail()}") from None

    def stop(self, grace_s: float = 10.0) -> None:
        """End it in order; hard after *grace_s* seconds. Does nothing when it does not run."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as kill -9 does."""
        if self.pid is not None:
            os.killpg(self.pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def restart(self) -> None:
        """Start it again on the same port and data; stop it in order first if it runs."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _log_tail(self) -> str:
        lines = self.log_file.read_text(errors="replace").splitlines()
        return "\n".join(lines[-15:])
