"""The containers of docker-compose.yml as one test run's own project, and what can be done to them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import docker  # type: ignore[import-untyped]  # it has no types
import pytest
from docker.errors import DockerException  # type: ignore[import-untyped]  # as above
from docker.models.containers import Container  # type: ignore[import-untyped]  # as above
from rendezvous_operator.docker_engine import DEPLOYMENT, OWNER

from tests.support.polling import wait_until

ROOT: Final = Path(__file__).resolve().parents[2]
# Kills all of a container but its first process, which is Docker's own: so the kernel does without memory.
_CRASH: Final = {
    "python": ["python", "-c", "import os; os.kill(-1, 9)"],
    "kafka": ["bash", "-c", "kill -9 -1"],
    "prometheus": ["sh", "-c", "kill -9 -1"],
}
_DOCKER: Final = shutil.which("docker") or "docker"
_COMMAND_S: Final = 900.0


def why_no_compose() -> str | None:
    """Return why containers cannot be composed here, or None."""
    try:
        docker.from_env(timeout=5).ping()
    except (DockerException, OSError) as error:
        return f"no Docker engine answers: {error}"
    found = subprocess.run([_DOCKER, "compose", "version"], capture_output=True, text=True, check=False)
    return None if found.returncode == 0 else f"no docker compose: {found.stderr.strip()}"


class Compose:
    """
    One project of docker-compose.yml; a context manager that leaves nothing behind.

    *environment* is what the file's variables are set to. Its containers are looked at by Docker's SDK.
    """

    def __init__(self, project: str, environment: dict[str, str]) -> None:
        self.project = project
        self._environment = {**os.environ, **environment, "COMPOSE_PARALLEL_LIMIT": "1"}
        self._client = docker.from_env()

    def __enter__(self) -> Self:
        self._remove_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._remove_all()
        self._client.close()

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Return what docker compose says to *arguments*; fails the test with it unless it succeeds."""
        argv = [_DOCKER, "compose", "--progress", "quiet", "--project-name", self.project, *arguments]
        done = subprocess.run(
            argv,
            cwd=ROOT,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_COMMAND_S,
        )
        if check and done.returncode != 0:
            pytest.fail(f"{' '.join(argv)}\n{done.stdout}\n{done.stderr}\n{self._unhealthy()}")
        return done

    def up(self, services: Sequence[str]) -> None:
        """Start *services* and return once they are healthy."""
        self.run("up", "--detach", "--no-build", "--wait", "--wait-timeout", "180", *services)

    def down(self) -> None:
        """End it all, its volumes too."""
        self.run("--profile", "*", "down", "--volumes", "--remove-orphans", "--timeout", "10")

    def containers(self) -> dict[str, Container]:
        """Return the containers of the project that are there, running or not, by their service."""
        found = self._client.containers.list(all=True, filters={"label": self._label})
        return {each.labels["com.docker.compose.service"]: each for each in found}

    def deployed(self) -> dict[str, Container]:
        """Return the containers that the project's operator has, running or not, by their deployment."""
        found = self._client.containers.list(all=True, filters={"label": f"{OWNER}={self.project}"})
        return {each.labels[DEPLOYMENT]: each for each in found}

    def left(self) -> list[str]:
        """Return the containers, volumes and networks that the project has."""
        volumes = self._client.volumes.list(filters={"label": self._label})
        networks = self._client.networks.list(filters={"label": self._label})
        return [*self.containers(), *self.deployed(), *(each.name or "" for each in [*volumes, *networks])]

    def state(self, service: str) -> dict[str, Any]:
        """Return what Docker says of the state of a service's container."""
        state: dict[str, Any] = self.containers()[service].attrs["State"]
        return state

    def health(self, service: str) -> str:
        """Return healthy, unhealthy, starting, or in what other state the container is."""
        state = self.state(service)
        health = state.get("Health", {}).get("Status", "")
        return str(health if state["Status"] == "running" else state["Status"])

    def restarts(self, service: str) -> int:
        """Return how often Docker has started the service's container again by itself."""
        return int(self.containers()[service].attrs["RestartCount"])

    def crash(self, service: str) -> None:
        """Kill the service's process as the kernel would, and return once Docker has started it again."""
        before = self.restarts(service)
        self.containers()[service].exec_run(_CRASH.get(service, _CRASH["python"]))
        wait_until(lambda: self.restarts(service) > before, 30, f"{service} is started again")

    def wait_healthy(self, service: str, timeout_s: float = 90) -> None:
        """Return once the service's container is healthy."""
        wait_until(lambda: self.health(service) == "healthy", timeout_s, f"{service} is healthy", every_s=0.5)

    def _remove_all(self) -> None:
        # An operator that was killed has not taken its containers along.
        for container in self.deployed().values():
            container.remove(force=True)
        self.down()

    @property
    def _label(self) -> str:
        return f"com.docker.compose.project={self.project}"

    def _unhealthy(self) -> str:
        """Return the ends of the logs of what is not well."""
        sick = {name: each for name, each in self.containers().items() if self.health(name) != "healthy"}
        logs = {name: each.logs(tail=5).decode(errors="replace") for name, each in sick.items()}
        return "\n".join(f"--- {name}, {self.health(name)}:\n{log}" for name, log in logs.items())
