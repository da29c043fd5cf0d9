"""A canary and a model container as processes on a real broker: what one says of the other."""

import json
import re
import signal
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from rendezvous_contracts.topics import CONTROL, DEAD_LETTERS, INPUTS, SCORES
from rendezvous_contracts.values import to_fields
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import Model, Route
from scoring.v1.input_pb2 import Input

from tests.support import pmml
from tests.support.broker import consume_all, produce
from tests.support.control import control, model, route
from tests.support.polling import wait_until
from tests.support.service import service

PARTITIONS = 2
PATIENCE_S = 60.0
CHAMPION, CANARY = "wine-linear@2", "wine-linear@1"


def linear(version: str, intercept: float) -> Model:
    return model("wine-linear", version, pmml.regression({"alcohol": 0.5}, intercept))


def ask(bootstrap: str, number: int, partition: int) -> None:
    values = [
        Input(
            id=f"r-{partition}-{place}",
            route="wine",
            revision=1,
            sent_at_us=time.time_ns() // 1000,
            budget_us=600_000_000,
            features=to_fields({"alcohol": float(place)}),
        ).SerializeToString()
        for place in range(number)
    ]
    produce(bootstrap, INPUTS, values, partition=partition)


def comparisons(folder: Path) -> dict[str, Any]:
    """What the canary's web view shows; nothing while it does not listen yet."""
    port = re.search(r'"port": (\d+), "event": "listening"', (folder / "log").read_text())
    if port is None:
        return {}
    url = f"http://127.0.0.1:{port.group(1)}/state/comparisons"
    with urllib.request.urlopen(url, timeout=5) as answer:
        shown: dict[str, Any] = json.load(answer)
        return shown


@pytest.mark.kafka
def test_a_canary_compares_every_score_of_the_champion_with_its_own(
    fresh_broker: Broker, tmp_path: Path
) -> None:
    bootstrap = fresh_broker.bootstrap_servers
    create_topics(bootstrap, PARTITIONS)
    changes: list[Model | Route] = [linear("1", 1.0), linear("2", 1.25), route(CHAMPION, canary=CANARY)]
    messages = [control(f"c-{place}", each).SerializeToString() for place, each in enumerate(changes)]
    produce(bootstrap, CONTROL, messages)
    produce(bootstrap, SCORES, [b"\xff\xff"], partition=1)
    folders = {name: tmp_path / name for name in ("champion", "canary")}
    for folder in folders.values():
        folder.mkdir()

    settings = {"RENDEZVOUS_JVM_HEAP_MB": "128"}
    with (
        service(
            "rendezvous_canary", bootstrap, folders["canary"], {**settings, "RENDEZVOUS_MODEL": CANARY}
        ) as canary,
        service(
            "rendezvous_model_container",
            bootstrap,
            folders["champion"],
            {**settings, "RENDEZVOUS_MODEL": CHAMPION},
        ),
    ):
        for partition in range(PARTITIONS):
            ask(bootstrap, 200, partition)

        def champion() -> dict[str, Any]:
            shown: dict[str, Any] = comparisons(folders["canary"]).get("routes", {}).get("wine", {})
            return dict(shown.get(CHAMPION, {}))

        wait_until(lambda: champion().get("compared") == 400, PATIENCE_S, "all are compared")
        found = champion()
        canary.send_signal(signal.SIGTERM)
        assert canary.wait(PATIENCE_S) == 0

    assert (found["missing"], found["late"], found["no_canary"]) == (0, 0, 0)
    quality = found["outputs"]["quality"]
    assert (quality["count"], quality["mean_delta"], quality["largest_delta"]) == (400, 0.25, 0.25)
    assert [letter.value for letter in consume_all(bootstrap, DEAD_LETTERS)] == [b"\xff\xff"]
