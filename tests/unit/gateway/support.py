"""The real gateway around a log that lives in the test: answers are written by the test, or echoed."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from prometheus_client import CollectorRegistry
from rendezvous_contracts.topics import REQUESTS
from rendezvous_contracts.values import to_fields
from rendezvous_control.state import Revision, RouteEntry, Stamp, State
from rendezvous_gateway.admission import Arrived
from rendezvous_gateway.app import endpoints, read_limits
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.exchange import Exchange
from rendezvous_gateway.memory import Reply
from rendezvous_gateway.metrics import DeskCollector, GatewayMetrics
from rendezvous_gateway.readiness import Readiness
from rendezvous_gateway.server import create_web
from rendezvous_gateway.settings import GatewaySettings
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.errors import ServiceError
from rendezvous_runtime.stream import Send
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.control_pb2 import Field, Route
from scoring.v1.request_pb2 import Request as Question

from tests.support.digests import request_digest

Client = TestClient[Request, Application]
STAMP = Stamp(offset=0, control_id="c", author="ada", at_us=0, reason="a test")
WINE = Route(name="wine", sla_us=100_000, default=to_fields({"quality": 5.6}))


def revision(route: Route = WINE, number: int = 1) -> Revision:
    return Revision(number, route, STAMP)


def state(*routes: Route) -> State:
    return State(routes={each.name: RouteEntry(each.name, (revision(each),)) for each in routes})


def declared(*inputs: Field, name: str = "wine", sla_us: int = 100_000) -> Route:
    return Route(name=name, sla_us=sla_us, default=to_fields({"quality": 5.6}), inputs=inputs)


def answer_to(send: Send, **changes: object) -> Arrived:
    """The answer of a model to a question that was sent."""
    question = Question.FromString(send.value)
    values: dict[str, object] = {
        "id": question.id,
        "route": question.route,
        "revision": 1,
        "source": Source.SOURCE_MODEL,
        "model": "forest@1",
        "tier": 1,
        "rule": "use forest@1",
        "outputs": to_fields({"quality": 6.5}),
        "sent_at_us": question.sent_at_us,
        "deadline_us": question.sent_at_us + 100_000,
        "answered_at_us": question.sent_at_us + 1_000,
        "digest": request_digest(question),
    }
    answer = Answer(**(values | changes))  # type: ignore[arg-type] # the keywords of a message
    return Arrived(Reply(answer, send.partition), answer.SerializeToString())


@dataclass
class TestLog:
    """A log that keeps what is sent; *on_send* may answer, *refuse* is raised in place of taking anything."""

    __test__ = False

    sends: list[Send] = field(default_factory=list)
    on_send: Callable[[Send], None] | None = None
    refuse: ServiceError | None = None
    unacknowledged: int = 0

    def send(self, sends: Sequence[Send]) -> None:
        if self.refuse:
            raise self.refuse
        for send in sends:
            self.sends.append(send)
            if self.on_send is not None:
                self.on_send(send)

    def requests(self) -> list[Question]:
        return [Question.FromString(each.value) for each in self.sends if each.topic == REQUESTS]


@dataclass
class Gateway:
    client: Client
    exchange: Exchange
    log: TestLog
    control: ControlView
    registry: CollectorRegistry
    most_pending: int = 0

    async def until(self, condition: Callable[[], object]) -> None:
        """Let the loop run until *condition* holds, at most 5 seconds."""
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - what changes it is not this test's
                await asyncio.sleep(0.001)

    def echo(self, delay_s: float = 0, **changes: object) -> None:
        """Have every question answered after *delay_s*."""
        loop = asyncio.get_running_loop()

        def answer(send: Send) -> None:
            if send.topic == REQUESTS:
                self.most_pending = max(self.most_pending, len(self.exchange.desk))
                loop.call_later(delay_s, self.exchange.deliver, [answer_to(send, **changes)])

        self.log.on_send = answer


@asynccontextmanager
async def gateway(
    *routes: Route, partitions: tuple[int, ...] = (0, 1, 2, 3), **settings: Any
) -> AsyncIterator[Gateway]:
    """The gateway with *routes* configured; requests go to *partitions*."""
    given = GatewaySettings(**settings)
    control = ControlView(state(*routes))
    registry = CollectorRegistry()
    metrics = GatewayMetrics(registry)
    clock = SystemClock()
    exchange = Exchange(Desk(read_limits(given), metrics.answered), clock)
    registry.register(DeskCollector(exchange.desk))
    readiness = Readiness(lambda: None if exchange.desk.partitions else "no partitions")
    log = TestLog()
    exchange.connect(log)
    exchange.desk.own(partitions)
    exchange.start()
    web = create_web(given, metrics, endpoints(given, control, exchange, readiness, clock))
    async with TestClient(TestServer(web)) as client:
        yield Gateway(client, exchange, log, control, registry)
    await exchange.stop(0)
