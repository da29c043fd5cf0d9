"""The operator with the local back end, as a process on a real broker, and real model containers."""

import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from subprocess import PIPE, Popen

import psutil
import pytest
from rendezvous_contracts.changes import Change
from rendezvous_contracts.topics import CONTROL, STATUS
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import AddModel, Deploy, Deployment, ScaleDeployment, Undeploy
from scoring.v1.status_pb2 import DeploymentState, DeploymentStatus, Status

from tests.support import pmml
from tests.support.broker import consume_all, produce
from tests.support.control import asked, model
from tests.support.polling import wait_until
from tests.support.service import service

PATIENCE_S = 40.0
MODEL = "wine-linear@1"
READY = DeploymentState.DEPLOYMENT_STATE_READY
FAILED = DeploymentState.DEPLOYMENT_STATE_FAILED


@dataclass
class World:
    """A broker, and an operator that can be started again."""

    bootstrap: str
    folder: Path
    ids: Iterator[int] = field(default_factory=count)

    @contextmanager
    def operator(self, **settings: str) -> Iterator[Popen[bytes]]:
        given = {
            "RENDEZVOUS_EVERY_S": "0.2",
            **{f"RENDEZVOUS_{key}": value for key, value in settings.items()},
        }
        with service("rendezvous_operator", self.bootstrap, self.folder, given) as process:
            yield process

    def publish(self, *changes: Change) -> None:
        messages = [asked(f"c{next(self.ids)}", change).SerializeToString() for change in changes]
        produce(self.bootstrap, CONTROL, messages)

    def statuses(self) -> Mapping[str, Status]:
        said = (Status.FromString(record.value or b"") for record in consume_all(self.bootstrap, STATUS))
        return {status.instance: status for status in said}

    def deployments(self) -> dict[str, DeploymentStatus]:
        operator = self.statuses().get("operator-0", Status())
        return {each.deployment: each for each in operator.deployments}

    def wait(self, name: str, state: DeploymentState.ValueType, *, ready: int) -> DeploymentStatus:
        def found() -> DeploymentStatus | None:
            each = self.deployments().get(name)
            return each if each and each.state == state and each.ready == ready else None

        return wait_until(found, PATIENCE_S, f"{name} is {state}", every_s=0.1) or DeploymentStatus()

    def containers(self) -> dict[int, str]:
        """Return the ids of the processes that score, with their instances."""
        found = {}
        for process in psutil.process_iter(["pid", "cmdline"]):
            line = process.info["cmdline"] or []
            if line[-2:] == ["-m", "rendezvous_model_container"] and "rendezvous_operator.shim" not in line:
                environment = process.environ()
                if environment.get("RENDEZVOUS_BOOTSTRAP_SERVERS") == self.bootstrap:
                    found[process.pid] = environment["RENDEZVOUS_INSTANCE"]
        return found


@pytest.fixture
def world(fresh_broker: Broker, tmp_path: Path) -> Iterator[World]:
    bootstrap = fresh_broker.bootstrap_servers
    create_topics(bootstrap, 2)
    world = World(bootstrap, tmp_path)
    world.publish(AddModel(model=model("wine-linear", "1", pmml.regression({"alcohol": 0.5}, 1.0))))
    with ExitStack() as leave:
        leave.callback(lambda: [psutil.Process(pid).kill() for pid in world.containers()])
        yield world


def deploy(name: str, replicas: int = 1, **options: str) -> Deploy:
    limits = {"jvm_heap_mb": "64", **options}
    return Deploy(deployment=Deployment(name=name, model=MODEL, replicas=replicas, options=limits))


def end(process: Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


@pytest.mark.kafka
def test_a_deployment_runs_comes_back_is_adopted_scaled_and_drained(world: World) -> None:
    with world.operator() as operator:
        world.publish(deploy("linear"))
        world.wait("linear", READY, ready=1)
        ((killed, name),) = world.containers().items()
        psutil.Process(killed).kill()
        wait_until(lambda: set(world.containers()) - {killed}, PATIENCE_S, "it comes back")
        status = world.wait("linear", READY, ready=1)
        assert status.restarts == 1
        ((first, again),) = world.containers().items()
        assert again == name
        end(operator)

    assert set(world.containers()) == {first}
    with world.operator() as operator:
        world.publish(ScaleDeployment(name="linear", replicas=2))
        status = world.wait("linear", READY, ready=2)
        assert (status.wanted, status.running, status.restarts) == (2, 2, 0)
        assert first in world.containers()
        world.publish(Undeploy(name="linear"))
        wait_until(lambda: not world.containers(), PATIENCE_S, "all have ended")
        wait_until(lambda: not world.deployments(), PATIENCE_S, "nothing is left of it")
        assert world.statuses()[name].stopping, "it was not asked to leave, it was killed"
        end(operator)
    assert not list((world.folder / "containers").iterdir())


@pytest.mark.kafka
def test_a_crash_loop_shows_as_failed_with_its_reason_and_ends_when_it_is_mended(world: World) -> None:
    with world.operator(LEAVE_RUNNING="false") as operator:
        world.publish(deploy("broken", jvm_heap_mb="much"), deploy("odd", colour="red"))
        status = world.wait("broken", FAILED, ready=0)
        assert "RENDEZVOUS_JVM_HEAP_MB" in status.reason
        assert "3 times in a row; the next start is in" in status.reason
        assert "option colour is none of the back end local" in world.deployments()["odd"].reason
        world.publish(deploy("broken"))
        world.wait("broken", READY, ready=1)
        end(operator)
    assert not world.containers()


@pytest.mark.kafka
def test_containers_outlive_an_operator_that_is_killed_and_end_with_their_guardian(world: World) -> None:
    with (
        Popen([sys.executable, "-c", "input()"], stdin=PIPE) as guardian,
        world.operator(GUARDIAN=str(guardian.pid)) as operator,
    ):
        world.publish(deploy("linear"))
        world.wait("linear", READY, ready=1)
        before = world.containers()
        operator.kill()
        operator.wait()
        assert world.containers() == before
        guardian.kill()
        wait_until(lambda: not world.containers(), PATIENCE_S, "they have ended")
