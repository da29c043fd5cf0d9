"""
Containers of a Docker engine, through its SDK.

They are this operator's by a label, so that an operator that comes back adopts what runs. The engine does not
restart them unless a deployment asks for that (option `restart`): the operator does it, with pauses that grow
further and a reason that people see.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Final

import docker  # type: ignore[import-untyped]  # it has no types
from docker.errors import (  # type: ignore[import-untyped]  # as above
    APIError,
    DockerException,
    ImageNotFound,
    NotFound,
)
from docker.models.containers import Container  # type: ignore[import-untyped]  # as above
from requests.exceptions import RequestException

from rendezvous_operator.backend import BackendError, unknown_options
from rendezvous_operator.goals import CONTAINER_OPTIONS, Wanted
from rendezvous_operator.images import image_of, misshapen
from rendezvous_operator.seen import Found, Phase
from rendezvous_operator.settings import OperatorSettings

OWNER: Final = "org.rendezvous.owner"
DEPLOYMENT: Final = "org.rendezvous.deployment"
BUILD: Final = "org.rendezvous.build"
INSTANCE: Final = "org.rendezvous.instance"

_OPTIONS: Final = CONTAINER_OPTIONS | {"cpus", "memory", "network", "restart"}
_TIMEOUT_S: Final = 10
_STOPS_AT_ONCE: Final = 8
_LOG_TAIL: Final = 400
# One that was created and is not one of these was not started.
_RUNNING: Final = frozenset({"running", "restarting", "paused"})


class DockerBackend:
    """The containers of the engine that the environment names (DOCKER_HOST, or its socket)."""

    def __init__(self, settings: OperatorSettings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = dict(environment)
        self._client: Any = None
        self._stops = ThreadPoolExecutor(_STOPS_AT_ONCE, thread_name_prefix="docker-stop")
        self._stopping: set[str] = set()

    def problem(self, wanted: Wanted) -> str:
        """Return why *wanted* can never be started here, or an empty text."""
        return (
            misshapen(wanted)
            or unknown_options(wanted, _OPTIONS, "docker")
            or image_of(wanted, self._settings.docker_image)[1]
        )

    def find(self) -> Sequence[Found]:
        """Return our containers, and those of others that have taken such a name."""
        with self._explained("list the containers"):
            # One look at all; only ours are worth a closer one, and there are many looks.
            listed = self._engine().api.containers(all=True)
            found = [each for summary in listed if (each := self._found(summary)) is not None]
        self._stopping &= {each.name for each in found if each.phase is not Phase.EXITED}
        return found

    def start(self, wanted: Wanted) -> None:
        """Start *wanted*; the image has to be there, none is pulled."""
        with self._explained(f"start {wanted.name}"):
            old = self._ours(wanted.name)
            if old is not None:
                old.remove(force=True)
            # Not run: that one pulls an image that is not there.
            self._engine().containers.create(
                image_of(wanted, self._settings.docker_image)[0], **self._arguments(wanted)
            ).start()

    def stop(self, name: str) -> None:
        """Ask it to end in order, in a thread: the engine answers when it has."""
        with self._explained(f"stop {name}"):
            container = self._ours(name)
        if container is not None and name not in self._stopping:
            self._stopping.add(name)
            self._stops.submit(partial(self._stop, container, name))

    def remove(self, name: str) -> None:
        """Remove it, if it has ended."""
        with self._explained(f"remove {name}"):
            container = self._ours(name)
            if container is not None:
                container.remove()

    def close(self, *, end: bool) -> None:
        """Let go of the containers, or end and remove them."""
        names = [each.name for each in self.find() if each.ours] if end else []
        for name in names:
            self.stop(name)
        self._stops.shutdown()
        for name in names:
            self.remove(name)
        if self._client is not None:
            self._client.close()

    def _stop(self, container: Container, name: str) -> None:
        try:
            container.stop(timeout=round(self._settings.stop_s))
        except (DockerException, RequestException):
            self._stopping.discard(name)  # it is asked again

    def _arguments(self, wanted: Wanted) -> dict[str, Any]:
        settings, options = self._settings, wanted.options
        servers = settings.docker_bootstrap_servers or settings.bootstrap_servers
        models = {"RENDEZVOUS_ARTIFACT_ROOTS": "/models"} if settings.docker_models else {}
        told = {"RENDEZVOUS_BOOTSTRAP_SERVERS": servers, **self._environment, **models, **wanted.environment}
        return {
            "name": self._container_name(wanted.name),
            "environment": told,
            "labels": {
                OWNER: settings.owner,
                DEPLOYMENT: wanted.deployment,
                BUILD: wanted.build,
                INSTANCE: wanted.name,
            },
            "network": options.get("network", settings.docker_network) or None,
            "mem_limit": options.get("memory", settings.docker_memory),
            "nano_cpus": round(float(options["cpus"]) * 1e9) if "cpus" in options else None,
            "restart_policy": {"Name": options.get("restart", "no")},
            "volumes": {settings.docker_models: {"bind": "/models", "mode": "ro"}}
            if settings.docker_models
            else {},
            # As in docker-compose.yml: it needs nothing of the machine, and gives way to who answers.
            "cap_drop": ["ALL"],
            "cpu_shares": 256,
            "init": True,
            "log_config": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
            "pids_limit": 256,
            "read_only": True,
            "security_opt": ["no-new-privileges:true"],
            "tmpfs": {
                "/tmp": "size=64m,mode=1777",  # noqa: S108 - inside of the container
                "/var/lib/rendezvous": "uid=10001,gid=10001,mode=0700,size=64m",
            },
        }

    def _found(self, summary: Mapping[str, Any]) -> Found | None:
        """Return the container of *summary*; None if it has gone since, or is nothing to us."""
        labels: Mapping[str, str] = summary.get("Labels") or {}
        if labels.get(OWNER) != self._settings.owner or INSTANCE not in labels:
            return self._in_the_way(summary.get("Names") or ())
        try:
            container = self._engine().containers.get(summary["Id"])
        except NotFound:
            return None
        name = labels[INSTANCE]
        if container.status not in _RUNNING:
            phase = Phase.EXITED
        else:
            phase = Phase.STOPPING if name in self._stopping else Phase.RUNNING
        return Found(
            name,
            labels.get(DEPLOYMENT, ""),
            labels.get(BUILD, ""),
            phase,
            started_us=_microseconds(container.attrs["State"].get("StartedAt", "")),
            ending=_ending(container) if phase is Phase.EXITED else "",
        )

    def _ours(self, name: str) -> Container | None:
        """Return the container *name*; raises BackendError if it is another's."""
        try:
            container = self._engine().containers.get(self._container_name(name))
        except NotFound:
            return None
        if container.labels.get(OWNER) != self._settings.owner:
            raise BackendError(f"the container {container.name} is not ours: remove it, or rename it")
        return container

    def _container_name(self, instance: str) -> str:
        return f"{self._settings.owner}.{instance}"

    def _in_the_way(self, names: Iterable[str]) -> Found | None:
        """Return what another's container of these *names* stands in the way of, or None."""
        prefix = self._container_name("")
        taken = [name.lstrip("/").removeprefix(prefix) for name in names if name.startswith(f"/{prefix}")]
        return Found(taken[0], "", "", Phase.RUNNING, ours=False) if taken else None

    def _engine(self) -> Any:
        if self._client is None:
            self._client = docker.from_env(timeout=_TIMEOUT_S + round(self._settings.stop_s))
        return self._client

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except ImageNotFound as error:
            raise BackendError(f"cannot {what}: {error.explanation}; build or load that image") from error
        except APIError as error:
            raise BackendError(f"cannot {what}: {error.explanation or error}") from error
        except (DockerException, RequestException, OSError) as error:
            self._client = None
            raise BackendError(f"no Docker engine answers ({error}): set DOCKER_HOST") from error


def _microseconds(stamp: str) -> int:
    """Return microseconds since the epoch of the engine's stamp, which has nanoseconds; 0 for none."""
    try:
        return int(datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", stamp)).timestamp() * 1e6)
    except (ValueError, OverflowError):
        return 0


def _ending(container: Container) -> str:
    state = container.attrs["State"]
    if state.get("OOMKilled"):
        return "it was killed: it needed more memory than it may have"
    last = container.logs(tail=1).decode(errors="replace").strip()[-_LOG_TAIL:]
    code = state.get("ExitCode", 0)
    problem = str(state.get("Error") or "") or (last if code else "")
    return f"it ended with exit code {code}" + (f": {problem}" if problem else "")
