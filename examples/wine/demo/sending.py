"""Sends wines at a steady rate, whatever comes back and when: an open loop."""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

import aiohttp
from confluent_kafka import KafkaError, Message, Producer
from rendezvous_client.answers import from_document
from rendezvous_client.kafka import Kafka
from rendezvous_client.questions import Question, partition_of, to_request
from rendezvous_contracts.topics import REQUESTS

from examples.wine.demo.evidence import HTTP, KAFKA, Reply

_OK: Final = 200
_REPLY_TIMEOUT_S: Final = 10.0
_FLUSH_S: Final = 10.0


class Wine(NamedTuple):
    """One question: its request id, its measured features, and by which way it goes."""

    id: str
    fields: Mapping[str, object]
    way: str


def as_questions(prefix: str, names: Sequence[str], rows: Iterable[Sequence[float]]) -> list[Wine]:
    """Return *rows* as questions, over HTTP and into Kafka by turns."""
    ways = (HTTP, KAFKA)
    return [
        Wine(f"{prefix}-{place:04}", dict(zip(names, row, strict=True)), ways[place % 2])
        for place, row in enumerate(rows)
    ]


def _no_hold(_: int) -> asyncio.Event | None:
    return None


class Sender:
    """
    Both ways into the system, for one route; an async context manager.

    *sent* has the way of each request id that was sent, *replies* what the gateway's callers got,
    *failures* the records that the broker did not take. *behind_ms* is how long after its time each was sent,
    *held_s* how long the loop was not open.
    """

    def __init__(self, gateway: str, kafka: Kafka, partitions: int, route: str) -> None:
        self.sent: dict[str, str] = {}
        self.replies: dict[str, Reply] = {}
        self.failures: list[str] = []
        self.behind_ms: list[float] = []
        self.held_s = 0.0
        self._url = f"{gateway}/v1/routes/{route}/ask"
        self._route = route
        self._partitions = partitions
        self._producer = Producer(kafka.producer_config())
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        timeout = aiohttp.ClientTimeout(total=_REPLY_TIMEOUT_S)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        if self._session is not None:
            await self._session.close()

    async def send_all(
        self, wines: Sequence[Wine], rate: float, *, before: Callable[[int], asyncio.Event | None] = _no_hold
    ) -> None:
        """
        Send *wines*, *rate* in a second, and return once each over HTTP has its reply.

        Before each, *before* (its place) is called; an event that it returns is waited for first, and what
        follows is sent that much later.
        """
        start = time.monotonic()
        for place, wine in enumerate(wines):
            hold = before(place)
            if hold is not None and not hold.is_set():
                held = time.monotonic()
                await hold.wait()
                self.held_s += time.monotonic() - held
            due = start + self.held_s + place / rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            self.behind_ms.append((time.monotonic() - due) * 1000)
            self._send(wine)
        if self._tasks:
            await asyncio.wait(self._tasks)
        await asyncio.to_thread(self._producer.flush, _FLUSH_S)

    def _send(self, wine: Wine) -> None:
        self.sent[wine.id] = wine.way
        if wine.way == HTTP:
            task = asyncio.create_task(self._ask(wine))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            request = to_request(Question(self._route, wine.fields, id=wine.id), time.time_ns() // 1000)
            partition = partition_of(wine.id, self._partitions)
            self._producer.produce(
                REQUESTS, request.SerializeToString(), wine.id, partition, on_delivery=self._delivered
            )
        self._producer.poll(0)

    async def _ask(self, wine: Wine) -> None:
        if self._session is None:
            raise RuntimeError("the sender is not entered")
        start = time.perf_counter()
        try:
            async with self._session.post(self._url, json={"id": wine.id, "fields": wine.fields}) as response:
                status, document = response.status, await response.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            self.replies[wine.id] = Reply(_ms_since(start), f"{type(error).__name__}: {error}")
            return
        elapsed_ms = _ms_since(start)
        if status != _OK:
            self.replies[wine.id] = Reply(elapsed_ms, f"{status}: {document}")
            return
        answered = from_document(document)
        self.replies[wine.id] = Reply(
            elapsed_ms, "", answered.source, answered.model, answered.revision, answered.outputs
        )

    def _delivered(self, error: KafkaError | None, record: Message) -> None:
        if error is not None:
            self.failures.append(f"{(record.key() or b'').decode()}: {error.str()}")


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000
