"""The gateway as a process on a real broker; the test answers in place of the rest of the stream."""

import http.client
import json
import os
import signal
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import CollectorRegistry
from rendezvous_contracts.topics import ANSWERS, CONTROL, DEAD_LETTERS, OUTCOMES, REQUESTS
from rendezvous_local.broker import Broker
from rendezvous_local.ports import free_port
from rendezvous_local.topics import create_topics
from rendezvous_runtime.clock import Now, SystemClock
from rendezvous_runtime.data_plane import DataPlane
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import Record, Send, TopicPartition
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.outcome_pb2 import Outcome
from scoring.v1.request_pb2 import Request

from tests.support.broker import consume_all, produce
from tests.support.control import control, route
from tests.support.digests import request_digest
from tests.support.polling import wait_until
from tests.support.service import service
from tests.support.stalling import RunQueue

pytestmark = pytest.mark.kafka
PARTITIONS = 4
PATIENCE_S = 30.0
SLA_MS = 500


class EchoSettings(ServiceSettings):
    service = "echo"


class Echo:
    """Answers every question with its own fields, as a model would; repeats each answer if told to."""

    topics = (REQUESTS,)

    def __init__(self, *, twice: bool = False) -> None:
        self._times = 2 if twice else 1

    def on_assign(self, partitions: Collection[int], now: Now) -> None: ...

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        return [self._answer(record, now) for record in records for _ in range(self._times)]

    def on_time(self, _: Now) -> Sequence[Send]:
        return ()

    def next_time(self) -> int | None:
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        return {}

    def on_revoke(self, partitions: Collection[int], now: Now) -> None: ...

    def _answer(self, record: Record, now: Now) -> Send:
        request = Request.FromString(record.value() or b"")
        answer = Answer(
            id=request.id,
            route=request.route,
            revision=1,
            source=Source.SOURCE_MODEL,
            model="echo@1",
            outputs=request.fields,
            sent_at_us=request.sent_at_us,
            deadline_us=request.sent_at_us + SLA_MS * 1000,
            answered_at_us=now.wall,
            digest=request_digest(request),
        )
        return Send(ANSWERS, record.partition(), record.key(), answer.SerializeToString())


@contextmanager
def echo(bootstrap: str, *, twice: bool = False) -> Iterator[DataPlane]:
    plane = DataPlane(
        Echo(twice=twice),
        EchoSettings.model_validate({"bootstrap_servers": bootstrap}),
        clock=SystemClock(),
        metrics=PlaneMetrics(CollectorRegistry()),
    )
    plane.start()
    try:
        wait_until(lambda: plane.assigned, PATIENCE_S, "the echo has partitions")
        yield plane
    finally:
        plane.stop(2.0)


class Reply(NamedTuple):
    status: int
    body: dict[str, Any]
    took_ms: float
    ended_us: int


class Gateway(NamedTuple):
    process: subprocess.Popen[bytes]
    port: int

    def ask(self, fields: Mapping[str, object], **members: object) -> Reply:
        return self.call("POST", "/v1/routes/wine/ask", {"fields": fields, **members})

    def call(self, method: str, path: str, document: object = None) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        started = time.monotonic()
        try:
            body = None if document is None else json.dumps(document)
            connection.request(method, path, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            told = json.loads(response.read())
            took_ms = (time.monotonic() - started) * 1e3
            return Reply(response.status, told, took_ms, time.time_ns() // 1_000)
        finally:
            connection.close()

    def stream(self, lines: Sequence[object]) -> list[dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            body = "\n".join(map(json.dumps, lines))
            connection.request(
                "POST", "/v1/routes/wine/stream", body, {"Content-Type": "application/x-ndjson"}
            )
            return [json.loads(line) for line in connection.getresponse().read().splitlines()]
        finally:
            connection.close()

    def is_ready(self) -> bool:
        try:
            return self.call("GET", "/v2/health/ready").status == 200
        except OSError:
            return False

    def wait_ready(self) -> None:
        wait_until(self.is_ready, PATIENCE_S, "the gateway is ready")


@contextmanager
def gateway(bootstrap: str, folder: Path, name: str = "gateway-0", **settings: str) -> Iterator[Gateway]:
    port = free_port("127.0.0.1")
    given = {"RENDEZVOUS_HTTP_PORT": str(port), "RENDEZVOUS_INSTANCE": name}
    given |= {f"RENDEZVOUS_{key.upper()}": value for key, value in settings.items()}
    with service("rendezvous_gateway", bootstrap, folder, given) as process:
        yield Gateway(process, port)


@pytest.fixture
def stream(fresh_broker: Broker) -> str:
    """The bootstrap servers of a broker with the topics and the route wine."""
    create_topics(fresh_broker.bootstrap_servers, PARTITIONS)
    message = control("c-1", route(sla_us=SLA_MS * 1000))
    produce(fresh_broker.bootstrap_servers, CONTROL, [message.SerializeToString()])
    return fresh_broker.bootstrap_servers


def test_questions_go_down_the_log_and_their_answers_come_back(stream: str, tmp_path: Path) -> None:
    with echo(stream, twice=True), gateway(stream, tmp_path) as running:
        running.wait_ready()
        reply = running.ask({"alcohol": 9.4}, id="r-1")
        assert (reply.status, reply.body["source"], reply.body["model"]) == (200, "model", "echo@1")
        assert reply.body["outputs"] == {"alcohol": 9.4}
        assert running.ask({"alcohol": 9.4}, id="r-1").body == reply.body
        assert running.ask({"alcohol": 1.0}, id="r-1").status == 409

        produce(stream, ANSWERS, [b"\xff\xff"], key=b"poison")
        produce(stream, ANSWERS, [Answer(id="stranger").SerializeToString()], key=b"stranger")
        replies = running.stream([{"fields": {"n": number}, "id": f"s-{number}"} for number in range(3_000)])
        assert {each["id"]: each["outputs"]["n"] for each in replies} == {
            f"s-{number}": number for number in range(3_000)
        }
        assert {each["source"] for each in replies} == {"model"}

        told = running.call("POST", "/v1/routes/wine/outcomes", {"request_id": "r-1", "reward": 0.5})
        assert (told.status, told.body["partition"]) == (202, reply.body["partition"])
        (outcome,) = wait_until(lambda: consume_all(stream, OUTCOMES), PATIENCE_S, "the outcome")
        assert Outcome.FromString(outcome.value or b"").reward == 0.5
        assert outcome.partition == reply.body["partition"]
        wait_until(lambda: consume_all(stream, DEAD_LETTERS), PATIENCE_S, "the poison is a dead letter")

        running.process.send_signal(signal.SIGTERM)
        assert running.process.wait(PATIENCE_S) == 0
    requests = consume_all(stream, REQUESTS)
    assert len(requests) == 3_001, "a repeat is not sent again"


def test_with_the_broker_killed_the_gateway_answers_by_its_own_timer(
    fresh_broker: Broker, stream: str, tmp_path: Path
) -> None:
    with echo(stream), gateway(stream, tmp_path) as running:
        running.wait_ready()
        assert running.ask({"n": 1}).body["source"] == "model"
        fresh_broker.kill()
        with RunQueue([running.process.pid, os.getpid()]) as queue:
            replies = [running.ask({"n": number}, id=f"dark-{number}") for number in range(8)]
            ended_us = replies[-1].ended_us
            wait_until(lambda: queue.waited[-1].start_us > ended_us, PATIENCE_S, "all of it is noted")
        for reply in replies:
            assert (reply.status, reply.body["source"]) == (200, "gateway")
            assert reply.body["outputs"] == {"quality": 5.6}
            # Less the machine's part.
            waited_ms = queue.between(reply.ended_us - round(reply.took_ms * 1e3), reply.ended_us) / 1e3
            assert reply.body["late_ms"] - waited_ms < 50
            assert reply.took_ms - waited_ms < SLA_MS + 100
        fresh_broker.start()
        wait_until(
            lambda: running.ask({"n": 1}).body["source"] == "model", PATIENCE_S, "the log answers again"
        )
        again = running.ask({"n": 3}, id="dark-3")
        assert again.body["source"] == "gateway", "an answer that was given does not change"
        sent = wait_until(lambda: consume_all(stream, REQUESTS), PATIENCE_S, "the requests")
        assert {f"dark-{number}".encode() for number in range(8)} <= {each.key for each in sent}


def test_two_gateways_share_the_partitions_and_get_their_own_answers(stream: str, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("gateway-0", "gateway-1")]
    for folder in folders:
        folder.mkdir()
    with echo(stream), ExitStack() as stack:
        both = [stack.enter_context(gateway(stream, folder, folder.name)) for folder in folders]
        for each in both:
            each.wait_ready()

        def partitions(place: int) -> set[int]:
            replies = both[place].stream([{"fields": {"n": number}} for number in range(100)])
            good = all(each.get("source") == "model" for each in replies)
            return {each["partition"] for each in replies} if good else set()

        def shared() -> bool:
            first, second = partitions(0), partitions(1)
            return bool(first and second) and not first & second and len(first | second) == PARTITIONS

        wait_until(shared, PATIENCE_S, "each sends to its own partitions and gets all its answers")


def test_a_graceful_stop_answers_what_waits_and_a_port_in_use_is_a_clear_error(
    stream: str, tmp_path: Path
) -> None:
    with gateway(stream, tmp_path) as running, ThreadPoolExecutor() as pool:
        running.wait_ready()
        other = {"RENDEZVOUS_HTTP_PORT": str(running.port), "RENDEZVOUS_INSTANCE": "gateway-1"}
        folder = tmp_path / "other"
        folder.mkdir()
        with service("rendezvous_gateway", stream, folder, other) as second:
            assert second.wait(PATIENCE_S) != 0
        assert "set RENDEZVOUS_HTTP_HOST and RENDEZVOUS_HTTP_PORT" in (folder / "log").read_text()

        waiting = [pool.submit(running.ask, {"n": number}) for number in range(5)]
        wait_until(lambda: len(consume_all(stream, REQUESTS)) == 5, PATIENCE_S, "five questions wait")
        running.process.send_signal(signal.SIGTERM)
        replies = [each.result(PATIENCE_S) for each in waiting]
        assert {(reply.status, reply.body["source"]) for reply in replies} == {(200, "gateway")}
        assert running.process.wait(PATIENCE_S) == 0
