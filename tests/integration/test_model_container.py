"""A model container as a process on a real broker, with a JVM: kill -9, poison, a model that comes late."""

import signal
import time
from pathlib import Path

import pytest
from rendezvous_contracts.topics import CONTROL, DEAD_LETTERS, INPUTS, SCORES
from rendezvous_contracts.values import from_fields, to_fields
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import Model, Route
from scoring.v1.input_pb2 import Input
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.status_pb2 import ModelState

from tests.support import pmml
from tests.support.broker import consume_all, produce
from tests.support.control import control, model, route
from tests.support.polling import wait_until
from tests.support.service import newest_status, service

PARTITIONS = 2
PATIENCE_S = 30.0
MODEL = "wine-linear@1"
HOUR_US = 3_600_000_000
SETTINGS = {"RENDEZVOUS_MODEL": MODEL, "RENDEZVOUS_JVM_HEAP_MB": "128"}


def publish(bootstrap: str, *changes: Model | Route) -> None:
    messages = [control(f"add-{change.name}", change).SerializeToString() for change in changes]
    produce(bootstrap, CONTROL, messages)


def linear() -> Model:
    return model("wine-linear", "1", pmml.regression({"alcohol": 0.5, "pH": 1.0}, 1.0))


def ask(bootstrap: str, prefix: str, number: int, partition: int, budget_us: int = HOUR_US) -> list[str]:
    ids = [f"{prefix}-{partition}-{place}" for place in range(number)]
    values = [
        Input(
            id=one,
            route="wine",
            revision=1,
            sent_at_us=time.time_ns() // 1000,
            budget_us=budget_us,
            features=to_fields({"alcohol": float(place), "pH": 3}),
        ).SerializeToString()
        for place, one in enumerate(ids)
    ]
    produce(bootstrap, INPUTS, values, partition=partition)
    return ids


def scores(bootstrap: str) -> dict[int, dict[str, Score]]:
    """The first score of each input, by partition; a crash may repeat some."""
    found: dict[int, dict[str, Score]] = {partition: {} for partition in range(PARTITIONS)}
    for record in consume_all(bootstrap, SCORES):
        score = Score.FromString(record.value or b"")
        assert (record.key or b"").decode() == score.request_id
        found[record.partition].setdefault(score.request_id, score)
    return found


def ids(bootstrap: str) -> dict[int, set[str]]:
    return {partition: set(some) for partition, some in scores(bootstrap).items()}


@pytest.mark.kafka
def test_every_input_is_scored_over_kill_9_and_poison(fresh_broker: Broker, tmp_path: Path) -> None:
    bootstrap = fresh_broker.bootstrap_servers
    create_topics(bootstrap, PARTITIONS)
    publish(bootstrap, linear(), route(MODEL))
    asked: dict[int, set[str]] = {0: set(), 1: set()}

    with service("rendezvous_model_container", bootstrap, tmp_path, SETTINGS) as process:
        for partition in asked:
            asked[partition] |= {*ask(bootstrap, "a", 50, partition)}
            produce(bootstrap, INPUTS, [b"\xff\xff"], partition=partition, key=b"poison")
            asked[partition] |= {*ask(bootstrap, "b", 50, partition)}
        wait_until(lambda: ids(bootstrap) == asked, PATIENCE_S, "the first scores")
        asked[0] |= {*ask(bootstrap, "c", 3_000, 0)}
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE_S)

    asked[1] |= {*ask(bootstrap, "d", 50, 1)}
    with service("rendezvous_model_container", bootstrap, tmp_path, SETTINGS) as process:
        wait_until(lambda: ids(bootstrap) == asked, PATIENCE_S, "the scores after the restart")
        expired = ask(bootstrap, "e", 1, 0, budget_us=0)[0]
        wait_until(lambda: expired in scores(bootstrap)[0], PATIENCE_S, "an expired one")
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0

    found = scores(bootstrap)
    assert found[0].pop(expired).status == ScoreStatus.SCORE_STATUS_EXPIRED
    for some in found.values():
        for name, score in some.items():
            place = int(name.rpartition("-")[2])
            assert from_fields(score.outputs) == {"quality": pytest.approx(1.0 + place / 2 + 3.0)}
            assert (score.status, score.model) == (ScoreStatus.SCORE_STATUS_OK, MODEL)
    dead = consume_all(bootstrap, DEAD_LETTERS)
    assert {(one.partition, one.value) for one in dead} == {(0, b"\xff\xff"), (1, b"\xff\xff")}


@pytest.mark.kafka
def test_a_container_waits_for_its_model_and_loads_it_when_the_control_log_brings_it(
    fresh_broker: Broker, tmp_path: Path
) -> None:
    bootstrap = fresh_broker.bootstrap_servers
    create_topics(bootstrap, PARTITIONS)

    with service("rendezvous_model_container", bootstrap, tmp_path, SETTINGS) as process:
        waits = f"{MODEL}: not in the control log"
        wait_until(lambda: newest_status(bootstrap).detail == waits, PATIENCE_S, "says what it waits for")
        publish(bootstrap, linear(), route(MODEL))
        wait_until(lambda: newest_status(bootstrap).ready, PATIENCE_S, "ready")
        (name,) = ask(bootstrap, "a", 1, 1)
        wait_until(lambda: name in scores(bootstrap)[1], PATIENCE_S, "a score")
        wait_until(lambda: newest_status(bootstrap).models[0].usage.count == 1, PATIENCE_S, "usage")
        (held,) = newest_status(bootstrap).models
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0

    assert (held.model, held.type, held.state) == (MODEL, "pmml", ModelState.MODEL_STATE_READY)
    assert newest_status(bootstrap).stopping
