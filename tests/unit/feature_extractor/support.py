"""A control log, requests and the extractor in front of them, for the tests of this folder."""

from collections.abc import Mapping
from itertools import count

from prometheus_client import CollectorRegistry
from rendezvous_contracts.changes import Change
from rendezvous_contracts.values import to_fields
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from rendezvous_feature_extractor.handler import FeatureExtractor
from rendezvous_feature_extractor.metrics import ExtractorMetrics
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.stream import Headers, Send
from rendezvous_runtime.testing import MemoryRecord
from scoring.v1.control_pb2 import Extractor, Field, Route, SetRoute, Step
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request

from tests.support.control import asked, route

SLA_US = 100_000
PARTITIONS = 8
_offsets = count(100)  # of one partition they only grow, whatever a test leaves to be
NOW = Now(5_000_000, 1_760_000_000_000_000)
WINE = {"alcohol": 9.4, "pH": 3.5, "free sulfur": 11}


class Log:
    """A control log that grows, and the view that services have of it."""

    def __init__(self) -> None:
        self.state = State()
        self.view = ControlView()

    def set_route(
        self,
        *steps: Step,
        inputs: tuple[Field, ...] = (),
        name: str = "wine",
        key: str = "",
        requires_approval: bool = False,
    ) -> int:
        """Append a new revision of a route and return its number."""
        at = self.state.next_offset
        features = Extractor(name="wine-features", steps=steps)
        new = Route(
            extractor=features,
            inputs=inputs,
            description=f"set at {at}",
            key=key,
            requires_approval=requires_approval,
        )
        new.MergeFrom(route(name=name, sla_us=SLA_US))
        self.change(SetRoute(route=new))
        return self.state.routes[name].current.number

    def change(self, change: Change, *, author: str = "ada") -> None:
        """Append what *author* asks for."""
        at = self.state.next_offset
        folded = apply(self.state, asked(f"c{at}", change, author=author), at)
        assert isinstance(folded, State), folded
        self.state = folded
        self.view.publish(folded)


def extractor(
    log: Log, registry: CollectorRegistry | None = None, max_bytes: int = 900_000, build: str = ""
) -> FeatureExtractor:
    handler = FeatureExtractor(
        log.view,
        ExtractorMetrics(registry or CollectorRegistry()),
        max_input_bytes=max_bytes,
        build=build,
    )
    handler.on_assign(range(PARTITIONS), NOW)
    return handler


def request(
    request_id: str = "r-1", fields: Mapping[str, object] | None = None, **stamps: int | str
) -> Request:
    asked = Request(id=request_id, route="wine", sent_at_us=NOW.wall, fields=to_fields(fields or WINE))
    for name, value in stamps.items():
        setattr(asked, name, value)
    return asked


def record(
    asked: Request | bytes | None,
    *,
    key: bytes | None = None,
    partition: int = 0,
    offset: int | None = None,
    headers: Headers | None = None,
) -> MemoryRecord:
    value = asked.SerializeToString() if isinstance(asked, Request) else asked
    return MemoryRecord(
        "requests",
        value,
        key=key,
        partition=partition,
        offset=next(_offsets) if offset is None else offset,
        headers=headers,
        at=NOW,
    )


def handled(handler: FeatureExtractor, what: MemoryRecord) -> Send:
    (send,) = handler.on_records([what], NOW)
    return send


def input_of(handler: FeatureExtractor, what: MemoryRecord) -> Input:
    send = handled(handler, what)
    assert send.topic == "inputs", send
    return Input.FromString(send.value)
