"""The feature-extractor as a process on a real broker: kill -9, poison, new revisions, a graceful stop."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rendezvous_contracts.topics import CONTROL, DEAD_LETTERS, INPUTS, REQUESTS, STATUS
from rendezvous_contracts.values import to_fields
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import Route, Select, Step
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request
from scoring.v1.status_pb2 import Status

from tests.support.broker import Consumed, consume_all, produce
from tests.support.control import control, route
from tests.support.polling import wait_until

PARTITIONS = 2
PATIENCE_S = 30.0
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@contextmanager
def extractor(bootstrap: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "RENDEZVOUS_BOOTSTRAP_SERVERS": bootstrap,
        "RENDEZVOUS_DATA_DIR": str(folder),
        "RENDEZVOUS_WEB_PORT": "0",
        "RENDEZVOUS_HEARTBEAT_S": "0.2",
    }
    command = [sys.executable, "-m", "rendezvous_feature_extractor"]
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def set_route(bootstrap: str, control_id: str, *steps: Step) -> None:
    new: Route = route(sla_us=100_000)
    new.extractor.steps.extend(steps)
    produce(bootstrap, CONTROL, [control(control_id, new).SerializeToString()])


def ask(bootstrap: str, prefix: str, number: int, partition: int) -> list[str]:
    ids = [f"{prefix}-{partition}-{place}" for place in range(number)]
    fields = to_fields({"alcohol": 9.4, "pH": 3.5})
    values = [Request(id=one, route="wine", fields=fields).SerializeToString() for one in ids]
    produce(bootstrap, REQUESTS, values, partition=partition, headers={"traceparent": TRACE})
    return ids


def inputs(bootstrap: str) -> dict[int, list[Input]]:
    found: dict[int, list[Input]] = {partition: [] for partition in range(PARTITIONS)}
    for record in consume_all(bootstrap, INPUTS):
        found[record.partition].append(Input.FromString(record.value or b""))
    return found


def ids(found: dict[int, list[Input]]) -> dict[int, list[str]]:
    """The ids of each partition in order, a repeat after a crash left out."""
    return {partition: list(dict.fromkeys(one.id for one in some)) for partition, some in found.items()}


def newest_status(bootstrap: str) -> Status:
    records: list[Consumed] = consume_all(bootstrap, STATUS)
    return Status.FromString(records[-1].value or b"") if records else Status()


def passed(bootstrap: str) -> dict[int, int]:
    return {one.partition: one.revision for one in newest_status(bootstrap).passed}


@pytest.mark.kafka
def test_every_request_becomes_an_input_over_kill_9_poison_and_a_new_revision(
    fresh_broker: Broker, tmp_path: Path
) -> None:
    bootstrap = fresh_broker.bootstrap_servers
    create_topics(bootstrap, PARTITIONS)
    set_route(bootstrap, "first")
    asked: dict[int, list[str]] = {0: [], 1: []}

    with extractor(bootstrap, tmp_path) as process:
        for partition in asked:
            asked[partition] += ask(bootstrap, "a", 50, partition)
            produce(bootstrap, REQUESTS, [b"\xff\xff"], partition=partition, key=b"poison")
            asked[partition] += ask(bootstrap, "b", 50, partition)
        wait_until(lambda: ids(inputs(bootstrap)) == asked, PATIENCE_S, "the first inputs")
        wait_until(lambda: passed(bootstrap) == {0: 1, 1: 1}, PATIENCE_S, "revision 1 passes everywhere")
        asked[0] += ask(bootstrap, "c", 2_000, 0)
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)

    set_route(bootstrap, "second", Step(select=Select(fields=["pH"])))
    asked[0] += ask(bootstrap, "d", 50, 0)
    with extractor(bootstrap, tmp_path) as process:
        wait_until(lambda: ids(inputs(bootstrap)) == asked, PATIENCE_S, "the inputs after the restart")
        wait_until(lambda: passed(bootstrap).get(0) == 2, PATIENCE_S, "revision 2 passes where requests are")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0

    found = inputs(bootstrap)
    for some in found.values():
        revisions = [one.revision for one in some]
        assert revisions == sorted(revisions)
    last = found[0][-1]
    assert (last.revision, list(last.features.values), last.problem) == (2, ["pH"], "")
    dead = consume_all(bootstrap, DEAD_LETTERS)
    assert {(one.partition, one.value) for one in dead} == {(0, b"\xff\xff"), (1, b"\xff\xff")}
    assert {one.headers["traceparent"] for one in consume_all(bootstrap, INPUTS)} == {TRACE}
    assert newest_status(bootstrap).stopping
