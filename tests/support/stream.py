"""Load on a whole system, by both ways in, and all answers that come of it."""

import http.client
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Any, Final, NamedTuple, Self

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from rendezvous_client.questions import Question, partition_of, to_request
from rendezvous_contracts.topics import ANSWERS, REQUESTS
from scoring.v1.answer_pb2 import Answer

from tests.support.polling import wait_until

PATIENCE_S: Final = 60.0
_TICK_S: Final = 0.002


class Asked(NamedTuple):
    """What one request asks, and when it was sent."""

    alcohol: float
    sent_at_us: int


class Load:
    """
    Requests straight into Kafka, *rate* in a second whatever comes back, by a thread of its own.

    *most* ends it by itself. The same *seed* asks the same, under other ids if *name* is another.
    """

    def __init__(
        self,
        bootstrap: str,
        partitions: int,
        name: str,
        *,
        route: str = "wine",
        rate: float = 300.0,
        most: int | None = None,
        seed: int = 1,
        alcohol: tuple[float, float] = (8.0, 14.0),
    ) -> None:
        self.sent: dict[str, Asked] = {}
        self.failures: list[KafkaError] = []
        self._name = name
        self._route = route
        self._partitions = partitions
        self._rate = rate
        self._most = most
        self._alcohol = alcohol
        self._random = Random(seed)  # noqa: S311 - explores, protects nothing
        self._config = {
            "bootstrap.servers": bootstrap,
            "linger.ms": 0,
            "enable.idempotence": True,
            "message.timeout.ms": 0,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
        self._producer = Producer(self._config)
        self._unacknowledged: dict[str, bytes] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"load {name}")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Send no more, and return once the broker has all that was sent."""
        self._stop.set()
        self._thread.join()
        if self._producer.flush(PATIENCE_S / 2):
            # The library may lose a broker that comes back for good: see BrokerState.find_again.
            self._producer = Producer(self._config)
            for request_id, value in list(self._unacknowledged.items()):
                self._produce(request_id, value)
        assert self._producer.flush(PATIENCE_S) == 0, "the broker has not taken all requests"
        assert not self.failures, self.failures[0]

    def join(self, timeout_s: float) -> None:
        """Return once *most* are sent."""
        self._thread.join(timeout_s)
        assert not self._thread.is_alive(), f"{len(self.sent)} of {self._most} sent in {timeout_s:g} s"
        self.stop()

    def wait_for_more(self, requests: int) -> None:
        """Return once so many more have been sent."""
        seen = len(self.sent)
        wait_until(lambda: len(self.sent) >= seen + requests, PATIENCE_S, f"{requests} more requests")

    def ask(self, *, sent_at_us: int = 0) -> str:
        """Send one request; return its id."""
        request_id = f"{self._name}-{len(self.sent)}"
        asked = Asked(round(self._random.uniform(*self._alcohol), 3), sent_at_us or time.time_ns() // 1_000)
        question = Question(self._route, {"alcohol": asked.alcohol}, id=request_id)
        self._unacknowledged[request_id] = to_request(question, asked.sent_at_us).SerializeToString()
        self._produce(request_id, self._unacknowledged[request_id])
        self.sent[request_id] = asked
        return request_id

    def _produce(self, request_id: str, value: bytes) -> None:
        partition = partition_of(request_id, self._partitions)
        self._producer.produce(REQUESTS, value, request_id, partition, on_delivery=self._delivered)

    def _run(self) -> None:
        start = time.perf_counter()
        while not self._stop.wait(_TICK_S):
            due = int((time.perf_counter() - start) * self._rate)
            if self._most is not None:
                due = min(due, self._most)
            for _ in range(due - len(self.sent)):
                self.ask()
            self._producer.poll(0)
            if len(self.sent) == self._most:
                return

    def _delivered(self, error: KafkaError | None, record: Message) -> None:
        if error is not None:
            self.failures.append(error)
        self._unacknowledged.pop((record.key() or b"").decode(), None)


class Reply(NamedTuple):
    """What a caller of the gateway got; status 0 and *broken*: the connection broke."""

    alcohol: float
    status: int
    document: Mapping[str, Any]
    broken: str = ""


class Callers:
    """Some threads that ask the gateway over HTTP, each question after the last, at a steady pace."""

    def __init__(
        self, url: str, name: str, *, route: str = "wine", callers: int = 3, rate: float = 30.0
    ) -> None:
        self.replies: dict[str, Reply] = {}
        self.unexpected: list[str] = []
        self._address = url.removeprefix("http://")
        self._path = f"/v1/routes/{route}/ask"
        self._name = name
        self._pause_s = callers / rate
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(number,), name=f"caller {name}-{number}")
            for number in range(callers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ask no more."""
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, caller: int) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=PATIENCE_S)
        number = 0
        try:
            while not self._stop.wait(self._pause_s):
                request_id = f"{self._name}-http-{caller}-{number}"
                number += 1
                self.replies[request_id] = _exchange(
                    connection, self._path, request_id, 8.0 + number % 60 / 10
                )
        except Exception as error:  # noqa: BLE001 - the test shows it; a thread would lose it
            self.unexpected.append(f"{type(error).__name__}: {error}")
        finally:
            connection.close()


def _exchange(connection: http.client.HTTPConnection, path: str, request_id: str, alcohol: float) -> Reply:
    body = json.dumps({"id": request_id, "fields": {"alcohol": alcohol}})
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Reply(alcohol, response.status, json.loads(response.read()))
    except (ConnectionError, http.client.IncompleteRead) as error:
        connection.close()
        return Reply(alcohol, 0, {}, type(error).__name__)


class Logged(NamedTuple):
    """One record of `answers`: its bytes, and the broker's own stamp."""

    raw: bytes
    stamp_ms: int

    @property
    def answer(self) -> Answer:
        """What the bytes say."""
        return Answer.FromString(self.raw)


class Answers:
    """All answers since the beginning, followed rather than read again for each look."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        self.by_id: defaultdict[str, list[Logged]] = defaultdict(list)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "unused",
                "fetch.wait.max.ms": 10,
                "fetch.queue.backoff.ms": 2,
                "reconnect.backoff.max.ms": 500,
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(ANSWERS, number, 0) for number in range(partitions)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def wait_for_more(self, answers: int) -> None:
        """Return once there are answers to so many more requests."""
        seen = self.read()
        wait_until(lambda: self.read() >= seen + answers, PATIENCE_S, f"{answers} more answers")

    def wait_for_all(self, ids: Collection[str]) -> None:
        """Return once each of *ids* is answered."""

        def missing() -> set[str]:
            self.read()
            return set(ids) - self.by_id.keys()

        _until_none(missing, f"an answer to each of {len(ids)}")

    def read(self) -> int:
        """Read what has come; return to how many requests there is an answer."""
        for message in self._consumer.consume(10_000, 0.05):
            if message.error() is None:  # else the broker is away, and comes back
                key, stamp_ms = message.key() or b"", message.timestamp()[1]
                self.by_id[key.decode(errors="replace")].append(Logged(message.value() or b"", stamp_ms))
        return len(self.by_id)


def _until_none(missing: Callable[[], set[str]], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while left := missing():
        assert time.monotonic() < deadline, f"not {what}: {len(left)} are missing, such as {sorted(left)[:3]}"
