"""The Faust shell against a real broker, each service a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from rendezvous_contracts.topics import ANSWERS, CONTROL, REQUESTS, STATUS
from rendezvous_local.broker import Broker
from rendezvous_local.ports import free_port
from rendezvous_local.topics import create_topics
from scoring.v1.status_pb2 import Status

from tests.support.broker import consume_all, produce, unique
from tests.support.control import control, model, route
from tests.support.echo import LINGERING
from tests.support.polling import wait_until

pytestmark = pytest.mark.kafka
_READY_S = 60.0


class Service:
    """One echo process and what its web server says."""

    def __init__(self, bootstrap: str, directory: Path, **environment: str) -> None:
        self.instance = unique("echo")
        self.port = free_port("127.0.0.1")
        self.log = directory / f"{self.instance}.log"
        settings = {
            "BOOTSTRAP_SERVERS": bootstrap,
            "INSTANCE": self.instance,
            "GROUP": self.instance,
            "WEB_PORT": str(self.port),
            "DATA_DIR": str(directory / "data"),
        }
        named = {f"RENDEZVOUS_{name}": value for name, value in (settings | environment).items()}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.echo"], env=os.environ | named, stdout=log, stderr=log
            )

    def get(self, path: str, accept: str = "*/*") -> tuple[int, str]:
        """Return status and body; (0, "") while nothing listens."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers={"Accept": accept})
        try:
            with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - http, as said above
                return response.status, response.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()
        except (URLError, OSError):
            return 0, ""

    def control_offset(self) -> int:
        return int(json.loads(self.get("/state/models")[1])["control_offset"])

    def wait_ready(self) -> None:
        wait_until(lambda: self.get("/health/ready")[0] == 200, _READY_S, f"ready; its log: {self.log}")

    def end(self, sent: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(sent)
        return self.process.wait(30)

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@contextmanager
def running(bootstrap: str, directory: Path, **environment: str) -> Iterator[Service]:
    service = Service(bootstrap, directory, **environment)
    try:
        yield service
    finally:
        if service.process.poll() is None:
            service.process.kill()
        service.process.wait()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with Broker(tmp_path_factory.mktemp("kafka")) as started:
        create_topics(started.bootstrap_servers, 2)
        yield started.bootstrap_servers


def statuses(bootstrap: str, instance: str) -> list[Status]:
    records = [record for record in consume_all(bootstrap, STATUS) if record.key == instance.encode()]
    return [Status.FromString(record.value or b"") for record in records]


def test_the_control_log_is_folded_from_its_beginning_with_poison_among_it(
    broker: str, tmp_path: Path
) -> None:
    forest, wine = control(unique("c"), model()), control(unique("c"), route("wine-forest@1"))
    stale = control(unique("c"), route("wine-forest@1"), expected=7)
    messages = [
        forest.SerializeToString(),
        b"\xffpoison",
        wine.SerializeToString(),
        stale.SerializeToString(),
    ]
    produce(broker, CONTROL, messages)
    first = consume_all(broker, CONTROL)[-1].offset - 3
    with running(broker, tmp_path) as service:
        service.wait_ready()
        shown = json.loads(service.get("/state/routes")[1])
        held = json.loads(service.get("/state/models/wine-forest/1")[1])
        produce(broker, REQUESTS, [b"hello"], partition=1, key=b"r1")
        wait_until(
            lambda: [each for each in consume_all(broker, ANSWERS) if each.key == b"r1"], 10, "the answer"
        )
        assert service.end() == 0
    assert shown["control_offset"] == first + 4
    assert shown["routes"]["wine"]["route"]["schedule"][0]["model"] == "wine-forest@1"
    assert "data" not in held["model"]["artifact"]
    assert held["here"][0]["state"] == "MODEL_STATE_READY"
    last = statuses(broker, service.instance)[-1]
    assert (last.stopping, last.control_offset, last.ready) == (True, first + 4, False)
    assert [refusal.offset for refusal in last.refusals][-2:] == [first + 1, first + 3]
    logged = [line for line in service.lines() if line["event"] == "control message refused"]
    assert len([line for line in logged if line["offset"] == first + 1]) == 1


def test_a_control_message_is_folded_well_within_a_second(broker: str, tmp_path: Path) -> None:
    with running(broker, tmp_path) as service:
        service.wait_ready()
        delays = [_folding_s(broker, service) for _ in range(10)]
        assert service.end(signal.SIGINT) == 0
    assert sorted(delays)[5] < 0.5, delays


def _folding_s(broker: str, service: Service) -> float:
    """Return the seconds from the broker's acknowledgement of a control message to its being folded."""
    before = service.control_offset()
    produce(broker, CONTROL, [control(unique("c"), model(unique("m"))).SerializeToString()])
    begun = time.monotonic()
    wait_until(lambda: service.control_offset() > before, 5, "the message is folded", every_s=0.002)
    return time.monotonic() - begun


def test_following_control_leaves_no_group_behind(broker: str, tmp_path: Path) -> None:
    with running(broker, tmp_path) as service:
        service.wait_ready()
        assert service.end() == 0
    groups = AdminClient({"bootstrap.servers": broker, "log_level": 0}).list_consumer_groups().result(30)
    names = {group.group_id for group in groups.valid}
    assert {name for name in names if not name.startswith("echo-")} == set()
    assert {name for name in names if name.startswith(service.instance)} <= {service.instance}


def test_metrics_come_in_the_format_that_is_asked_for(broker: str, tmp_path: Path) -> None:
    with running(broker, tmp_path) as service:
        service.wait_ready()
        plain = service.get("/metrics")[1]
        open_metrics = service.get("/metrics", accept="application/openmetrics-text; version=1.0.0")[1]
        assert service.get("/state/models/nobody/1")[0] == 404
        assert service.end() == 0
    assert "# TYPE rendezvous_plane_batch_records histogram" in plain
    assert open_metrics.endswith("# EOF\n")


def test_a_service_waits_for_a_broker_that_is_away_and_for_the_topic(tmp_path: Path) -> None:
    broker = Broker(tmp_path / "kafka")
    with running(broker.bootstrap_servers, tmp_path) as service:
        wait_until(lambda: service.get("/health/live")[0] == 200, _READY_S, "the web server")
        status, reason = service.get("/health/ready")
        assert status == 503
        assert broker.bootstrap_servers in json.loads(reason)["waiting_for"]
        with broker:
            wait_until(
                lambda: "no topic control" in service.get("/health/ready")[1], 10, "it sees the broker"
            )
            create_topics(broker.bootstrap_servers, 2)
            service.wait_ready()
            assert service.end() == 0


def test_a_service_that_waits_for_its_broker_stops_at_once(tmp_path: Path) -> None:
    with running(f"127.0.0.1:{free_port('127.0.0.1')}", tmp_path) as service:
        wait_until(lambda: service.get("/health/live")[0] == 200, _READY_S, "the web server")
        begun = time.monotonic()
        assert service.end() == 0
        assert time.monotonic() - begun < 5


def test_a_broker_that_restarts_is_followed_again(tmp_path: Path) -> None:
    with Broker(tmp_path / "kafka") as broker:
        create_topics(broker.bootstrap_servers, 2)
        with running(broker.bootstrap_servers, tmp_path) as service:
            service.wait_ready()
            broker.kill()
            broker.start()
            _folding_s(broker.bootstrap_servers, service)
            wait_until(
                lambda: statuses(broker.bootstrap_servers, service.instance)[-1].control_offset == 1,
                20,
                "heartbeats go on",
            )
            assert service.end() == 0
        assert statuses(broker.bootstrap_servers, service.instance)[-1].stopping


def test_the_end_of_a_transaction_in_the_control_log_is_no_obstacle(broker: str, tmp_path: Path) -> None:
    producer = Producer({"bootstrap.servers": broker, "transactional.id": unique("t"), "log_level": 0})
    producer.init_transactions(10)
    producer.begin_transaction()
    producer.produce(CONTROL, control(unique("c"), model(unique("m"))).SerializeToString(), partition=0)
    producer.commit_transaction(10)
    with running(broker, tmp_path) as service:
        service.wait_ready()
        assert service.end() == 0


@pytest.mark.parametrize("ending", [b"", LINGERING])
def test_a_defect_of_the_handler_ends_the_process_with_an_error(
    broker: str, tmp_path: Path, ending: bytes
) -> None:
    with running(broker, tmp_path) as service:
        service.wait_ready()
        produce(broker, REQUESTS, [service.instance.encode() + ending])
        assert service.process.wait(30) == 1
    last = statuses(broker, service.instance)[-1]
    assert not last.stopping
    assert "a defect of the handler" in last.detail


def test_a_port_that_is_taken_is_explained(broker: str, tmp_path: Path) -> None:
    with running(broker, tmp_path) as first:
        wait_until(lambda: first.get("/health/live")[0] == 200, _READY_S, "the web server")
        with running(broker, tmp_path, WEB_PORT=str(first.port)) as second:
            assert second.process.wait(30) == 1
        assert first.end() == 0
    assert "set RENDEZVOUS_WEB_HOST and RENDEZVOUS_WEB_PORT" in second.log.read_text()
