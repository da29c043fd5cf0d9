"""The operator's back end on a real Docker engine: it starts, adopts, ends, and touches nothing else."""

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import docker  # type: ignore[import-untyped]  # it has no types
import pytest
from docker.errors import (  # type: ignore[import-untyped]  # as above
    ImageNotFound,
    NotFound,
)
from rendezvous_operator.courses import Course
from rendezvous_operator.docker_engine import OWNER, DockerBackend
from rendezvous_operator.goals import Goal, Wanted
from rendezvous_operator.plan import Start, Stop, plan
from rendezvous_operator.seen import Found, Phase, look
from rendezvous_operator.settings import OperatorSettings

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


@pytest.fixture(scope="module")
def image(client: Any) -> Iterator[str]:
    """An image that stays until it is asked to leave."""
    made = client.containers.create(IMAGE, ["python", "-c", PROGRAM])
    tag = f"rendezvous-operator-test-{os.getpid()}"
    command = json.dumps(["python", "-c", PROGRAM])
    made.commit(tag, "pmml", changes=f"CMD {command}")
    made.remove()
    yield f"{tag}:pmml"
    client.images.remove(f"{tag}:pmml", force=True)


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
    assert limits["RestartPolicy"]["Name"] == "no"

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
