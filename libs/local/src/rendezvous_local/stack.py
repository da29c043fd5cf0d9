"""The whole system on this machine: a broker, the topics, and every service as a supervised process."""

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from rendezvous_contracts.names import parse_model_id

from rendezvous_local.broker import Broker, broker_ready
from rendezvous_local.errors import LocalError
from rendezvous_local.port_book import PortBook
from rendezvous_local.ports import check_port
from rendezvous_local.process import ProcessSpec
from rendezvous_local.services import HOST, Service, Surroundings, core_services, model_service, process_of
from rendezvous_local.settings import ENV_PREFIX, LocalSettings
from rendezvous_local.supervisor import ProcessStatus, Supervisor
from rendezvous_local.topics import create_topics

KAFKA: Final = "kafka"
GATEWAY: Final = "gateway"


class LocalStack:
    """
    Starts, watches and ends the system; a context manager.

    Processes are named: kafka, gateway, feature-extractor, rendezvous, decoy, operator, and what start_model
    returns.
    Errors are LocalErrors that say what to do.
    """

    def __init__(self, settings: LocalSettings) -> None:
        self.settings = settings
        self.data_dir: Path = settings.data_dir.resolve()
        self.archive_dir: Path = self.data_dir / "archive"
        self._supervisor = Supervisor(self.data_dir)
        self._ports = PortBook(self.data_dir / "ports.json")
        self._web_ports: dict[str, int] = {}
        self._kafka_port = settings.kafka_port
        self._gateway_port = settings.gateway_port

    @property
    def bootstrap_servers(self) -> str:
        """Where Kafka clients reach the broker."""
        return f"{HOST}:{self._kafka_port}"

    def start(self) -> None:
        """Start the broker, create the topics, start the services, and return once all are ready."""
        self._supervisor.open()
        try:
            self._choose_ports()
            self._start_broker()
            create_topics(self.bootstrap_servers, self.settings.partitions)
            services = core_services(
                self._gateway_port, self.archive_dir, self.settings.artifact_dir.resolve()
            )
            for service in services:
                self._start(service)
            self.wait_ready(service.name for service in services)
        except BaseException:
            self.close()
            raise

    def start_model(self, model: str, *, canary: bool = False) -> str:
        """
        Start the container of *model* (name@version), or the canary, and return the name of its process.

        It is ready once the control log has the model and it is loaded: see wait_ready. Raises LocalError
        when it runs already, BadNameError when *model* is no model's name.
        """
        artifacts = self.settings.artifact_dir.resolve()
        service = model_service(parse_model_id(model), artifacts, canary=canary)
        self._start(service)
        return service.name

    def wait_ready(self, names: Iterable[str], timeout_s: float | None = None) -> None:
        """Return once each process is ready; raises NotReadyError with the reason and the end of its log."""
        self._supervisor.wait_ready(names, timeout_s or self.settings.ready_timeout_s)

    def kill(self, name: str, *, stay_down: bool = False) -> None:
        """End a process as kill -9 does; it comes back by itself, unless it is to *stay_down*."""
        self._supervisor.kill(name, stay_down=stay_down)

    def revive(self, name: str) -> None:
        """Start a process again that is down."""
        self._supervisor.revive(name)

    def stop(self, name: str) -> None:
        """End a process in order; it stays down."""
        self._supervisor.stop(name)

    def status(self) -> list[ProcessStatus]:
        """Return what runs."""
        return self._supervisor.status()

    def url(self, name: str = GATEWAY) -> str:
        """Return where the process is reached over HTTP: the gateway's door, or a service's own pages."""
        return f"http://{HOST}:{self._gateway_port}" if name == GATEWAY else self.web_url(name)

    def web_url(self, name: str) -> str:
        """Return where a service shows its health, metrics and state."""
        if name not in self._web_ports:
            raise LocalError(f"no service {name}; there are: {', '.join(self._web_ports) or 'none'}")
        return f"http://{HOST}:{self._web_ports[name]}"

    def log_file(self, name: str) -> Path:
        """Return where the output of a process goes."""
        return self._supervisor.log_file(name)

    def close(self) -> None:
        """End everything, the gateway first and the broker last."""
        self._supervisor.stop_all()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _choose_ports(self) -> None:
        self._kafka_port = self.settings.kafka_port or self._ports.port(KAFKA)
        self._gateway_port = self.settings.gateway_port or self._ports.port("gateway-http")
        for port, what in ((self._kafka_port, "kafka"), (self._gateway_port, "gateway")):
            setting = f"{ENV_PREFIX}{what.upper()}_PORT"
            check_port(
                port, f"the {what} of the local stack", f"set {setting} to another (0: any that is free)"
            )

    def _start_broker(self) -> None:
        broker = Broker(
            self.data_dir / KAFKA,
            self._kafka_port,
            heap=self.settings.kafka_heap,
            short_lived=self.settings.kafka_short_lived,
        )
        ready = broker_ready(self.bootstrap_servers)
        self._supervisor.start(ProcessSpec(KAFKA, tuple(broker.prepare()), ready=ready))
        self.wait_ready([KAFKA])

    def _start(self, service: Service) -> None:
        port = self._web_ports.setdefault(service.name, self._ports.port(service.name))
        around = Surroundings(self.bootstrap_servers, self.data_dir, self.settings.log_level)
        self._supervisor.start(process_of(service, around, port))
