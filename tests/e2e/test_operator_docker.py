"""The operator's back end on a real Docker engine: it starts, adopts, ends, and touches nothing else."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import docker  # type: ignore[import-untyped]  # it has no types
import pytest
from docker.errors import (  # type: ignore[import-untyped]  # as above
    ImageNotFound,
    NotFound,
)
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from rendezvous_operator.courses import Course
from rendezvous_operator.docker_engine import BUILD, DEPLOYMENT, INSTANCE, OWNER, DockerBackend
from rendezvous_operator.goals import Goal, Wanted
from rendezvous_operator.plan import Start, Stop, plan
from rendezvous_operator.reconciler import Reconciler
from rendezvous_operator.seen import Found, Phase, look
from rendezvous_operator.settings import OperatorSettings
from rendezvous_runtime.clock import SystemClock
from scoring.v1.control_pb2 import AddModel, Deploy, Deployment, Undeploy
from scoring.v1.status_pb2 import DeploymentState, DeploymentStatus, Status

from tests.support.control import asked, model
from tests.support.polling import wait_until

IMAGE = "python:3.11-slim-bookworm"
PATIENCE_S = 30.0
# Says what it was told, and leaves when it is asked to.
PROGRAM = """
import json, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print(json.dumps(dict(os.environ)), flush=True)
time.sleep(600)
"""
pytestmark = pytest.mark.docker


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    client = docker.from_env()
    try:
        client.images.get(IMAGE)
    except ImageNotFound:
        pytest.skip(f"the engine has no {IMAGE}")
    yield client
    client.close()


@contextmanager
def image_that_runs(client: Any, program: str, tag: str) -> Iterator[str]:
    """An image with *program*, for as long as it is needed."""
    name = f"rendezvous-operator-test-{os.getpid()}"
    made = client.containers.create(IMAGE)
    made.commit(name, tag, changes=f"CMD {json.dumps(['python', '-c', program])}")
    made.remove()
    yield f"{name}:{tag}"
    client.images.remove(f"{name}:{tag}", force=True)


@pytest.fixture(scope="module")
def image(client: Any) -> Iterator[str]:
    """An image that stays until it is asked to leave."""
    with image_that_runs(client, PROGRAM, "pmml") as image:
        yield image


@pytest.fixture
def settings(client: Any, image: str) -> Iterator[OperatorSettings]:
    owner = f"rdv-test-{os.getpid()}"
    name, _, _ = image.partition(":")
    yield OperatorSettings(
        backend="docker", owner=owner, docker_image=f"{name}:{{runtime}}", docker_memory="64m", stop_s=5
    )
    for container in client.containers.list(all=True, filters={"label": f"{OWNER}={owner}"}):
        with suppress(NotFound):
            container.remove(force=True)


WANTED = Wanted("linear", "b1", 0, ("wine@1",), ("pmml",), options={"jvm_heap_mb": "64", "cpus": "0.5"})


def found(backend: DockerBackend) -> dict[str, Found]:
    return {each.name: each for each in backend.find() if each.ours}


def test_a_container_is_started_as_told_killed_by_hand_adopted_and_drained(
    client: Any, settings: OperatorSettings
) -> None:
    backend = DockerBackend(settings, {"RENDEZVOUS_LOG_LEVEL": "DEBUG"})
    backend.start(WANTED)
    container = client.containers.get(f"{settings.owner}.{WANTED.name}")
    wait_until(container.logs, PATIENCE_S, "it says what it was told")
    told = json.loads(container.logs())
    assert told["RENDEZVOUS_MODEL"] == "wine@1"
    assert told["RENDEZVOUS_INSTANCE"] == WANTED.name
    assert told["RENDEZVOUS_BOOTSTRAP_SERVERS"] == settings.bootstrap_servers
    assert told["RENDEZVOUS_LOG_LEVEL"] == "DEBUG"
    limits = container.attrs["HostConfig"]
    assert (limits["Memory"], limits["NanoCpus"], limits["ReadonlyRootfs"]) == (64 << 20, 500_000_000, True)
    assert (limits["RestartPolicy"]["Name"], limits["CapDrop"]) == ("no", ["ALL"])
    labels = {OWNER: settings.owner, DEPLOYMENT: "linear", BUILD: "b1", INSTANCE: WANTED.name}
    assert labels.items() <= container.labels.items()

    container.kill()
    wait_until(lambda: found(backend)[WANTED.name].phase is Phase.EXITED, PATIENCE_S, "its end is seen")
    assert found(backend)[WANTED.name].ending.startswith("it ended with exit code 137")
    backend.start(WANTED)
    first = client.containers.get(f"{settings.owner}.{WANTED.name}")
    assert first.id != container.id
    backend.close(end=False)

    adopting = DockerBackend(settings, {})
    seen = found(adopting)[WANTED.name]
    assert (seen.phase, seen.deployment, seen.build) == (Phase.RUNNING, "linear", "b1")
    assert seen.started_us > 0
    wait_until(first.logs, PATIENCE_S, "it listens to signals")
    adopting.stop(WANTED.name)
    wait_until(lambda: found(adopting)[WANTED.name].phase is Phase.EXITED, PATIENCE_S, "it has ended")
    assert found(adopting)[WANTED.name].ending == "it ended with exit code 0"
    adopting.remove(WANTED.name)
    assert found(adopting) == {}
    adopting.close(end=False)


def test_a_container_of_another_is_left_alone_and_said_to_be_in_the_way(
    client: Any, settings: OperatorSettings, image: str
) -> None:
    backend = DockerBackend(settings, {})
    name = f"{settings.owner}.{WANTED.name}"
    other = client.containers.run(image, name=name, detach=True)
    try:
        seen = look(backend.find(), {}, 0)
        actions = plan({"linear": Goal("linear", 1, (WANTED,))}, seen, {WANTED.name: Course()}, 0)
        assert [each for each in actions if isinstance(each, Start | Stop)] == []
        assert not seen[WANTED.name].found.ours
        other.reload()
        assert other.status == "running"
    finally:
        other.remove(force=True)
        backend.close(end=False)


def test_an_image_that_is_not_there_is_said_by_name(settings: OperatorSettings) -> None:
    backend = DockerBackend(settings, {})
    absent = Wanted("linear", "b1", 0, ("wine@1",), ("pmml",), image="rendezvous/none:0")
    with pytest.raises(Exception, match="rendezvous/none:0"):
        backend.start(absent)
    assert found(backend) == {}
    backend.close(end=True)


def test_a_container_of_another_that_only_sounds_alike_hides_none_of_ours(
    client: Any, settings: OperatorSettings, image: str
) -> None:
    backend = DockerBackend(settings, {})
    other = client.containers.create(image, name=WANTED.name)
    try:
        assert backend.find() == []
        backend.start(WANTED)
        assert found(backend)[WANTED.name].phase is Phase.RUNNING
    finally:
        other.remove(force=True)
        backend.close(end=True)


def test_a_container_joins_the_network_that_is_named_and_is_found_there(
    client: Any, settings: OperatorSettings
) -> None:
    backend = DockerBackend(settings, {})
    network = client.networks.create(f"{settings.owner}-net")
    try:
        backend.start(Wanted("linear", "b1", 0, ("wine@1",), ("pmml",), options={"network": network.name}))
        container = client.containers.get(f"{settings.owner}.{WANTED.name}")
        look_up = f"import socket; print(socket.gethostbyname({container.name!r}))"
        address = container.exec_run(["python", "-c", look_up]).output.decode().strip()
        assert address == container.attrs["NetworkSettings"]["Networks"][network.name]["IPAddress"]
    finally:
        backend.close(end=True)
        network.remove()


def test_who_needs_more_memory_than_allowed_is_said_to(client: Any, settings: OperatorSettings) -> None:
    backend = DockerBackend(settings, {})
    with image_that_runs(client, "bytearray(1 << 29)", "greedy") as greedy:
        backend.start(Wanted("linear", "b1", 0, ("wine@1",), image=greedy, options={"memory": "32m"}))
        wait_until(lambda: found(backend)[WANTED.name].phase is Phase.EXITED, PATIENCE_S, "it was killed")
        assert found(backend)[WANTED.name].ending.startswith("it was killed: it needed more memory")
        backend.close(end=True)


class World:
    """What the log says, and an operator's turns on the engine."""

    def __init__(self, settings: OperatorSettings) -> None:
        self.settings = settings
        self.state = State()
        self.reconciler = Reconciler(DockerBackend(settings, {}), SystemClock())
        self.publish(AddModel(model=model("wine", "1")))

    def publish(self, change: AddModel | Deploy | Undeploy) -> None:
        place = self.state.next_offset
        changed = apply(self.state, asked(f"c{place}", change), place)
        assert isinstance(changed, State), changed
        self.state = changed

    def turn(self) -> dict[str, DeploymentStatus]:
        self.reconciler.turn(self.state, self.heard())
        return {each.deployment: each for each in self.reconciler.deployments}

    def heard(self) -> Mapping[str, Status]:
        """What containers say that are ready as soon as they run."""
        now = SystemClock().now().wall
        return {name: Status(instance=name, at_us=now, ready=True) for name in found(self.backend)}

    @property
    def backend(self) -> DockerBackend:
        assert isinstance(self.reconciler.backend, DockerBackend)
        return self.reconciler.backend

    def wait(self, state: DeploymentState.ValueType) -> DeploymentStatus:
        def reached() -> DeploymentStatus | None:
            status = self.turn().get("linear")
            return status if status and status.state == state else None

        status = wait_until(reached, PATIENCE_S, f"linear is {state}", every_s=0.2)
        assert status is not None
        return status

    def restart(self) -> None:
        """Another operator in place of this one, which lets go of its containers."""
        self.reconciler.close(end=False)
        self.reconciler = Reconciler(DockerBackend(self.settings, {}), SystemClock())


def test_what_was_killed_by_hand_comes_back_is_adopted_and_drained(
    client: Any, settings: OperatorSettings
) -> None:
    world = World(settings)
    world.publish(Deploy(deployment=Deployment(name="linear", model="wine@1", replicas=2)))
    world.wait(DeploymentState.DEPLOYMENT_STATE_READY)
    names = sorted(found(world.backend))
    killed, other = (client.containers.get(f"{settings.owner}.{name}") for name in names)
    killed.kill()
    wait_until(lambda: world.turn()["linear"].restarts == 1, PATIENCE_S, "it comes back", every_s=0.2)
    assert world.wait(DeploymentState.DEPLOYMENT_STATE_READY).ready == len(names)
    again = client.containers.get(killed.name)
    assert again.id != killed.id

    world.restart()
    status = world.wait(DeploymentState.DEPLOYMENT_STATE_READY)
    assert (status.running, status.restarts) == (2, 0)
    assert {client.containers.get(each.name).id for each in (again, other)} == {again.id, other.id}

    for each in (again, other):
        wait_until(each.logs, PATIENCE_S, "it listens to signals")
    world.publish(Undeploy(name="linear"))
    wait_until(lambda: not world.turn(), PATIENCE_S, "nothing is left of it", every_s=0.2)
    until = int(SystemClock().now().wall / 1e6) + 1
    died = {"event": "die", "container": [again.id, other.id]}
    ends = client.events(since=0, until=until, filters=died, decode=True)
    assert [each["Actor"]["Attributes"]["exitCode"] for each in ends] == ["0", "0"]
    assert found(world.backend) == {}
    world.reconciler.close(end=True)


def test_a_crash_loop_backs_off_shows_as_failed_and_ends_when_it_is_mended(
    client: Any, settings: OperatorSettings
) -> None:
    world = World(settings)
    with image_that_runs(client, "raise SystemExit('it has no idea')", "broken") as broken:
        world.publish(Deploy(deployment=Deployment(name="linear", model="wine@1", replicas=1, image=broken)))
        status = world.wait(DeploymentState.DEPLOYMENT_STATE_FAILED)
        assert "it ended with exit code 1: it has no idea" in status.reason
        assert "3 times in a row; the next start is in" in status.reason
        starts = world.reconciler.actions["start"]
        assert world.turn()["linear"].running == 0
        assert world.reconciler.actions["start"] == starts
        world.publish(Deploy(deployment=Deployment(name="linear", model="wine@1", replicas=1)))
        world.wait(DeploymentState.DEPLOYMENT_STATE_READY)
        assert len(found(world.backend)) == 1
        world.reconciler.close(end=True)
