"""Records as the decoy reads them, and a decoy on a directory."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from rendezvous_contracts.topics import DECISIONS, INPUTS, OUTCOMES
from rendezvous_contracts.values import to_fields
from rendezvous_decoy.archive import Archive, Limits
from rendezvous_decoy.columns import encode
from rendezvous_decoy.disk import Disk
from rendezvous_decoy.handler import DecoyHandler
from rendezvous_decoy.metrics import DecoyMetrics
from rendezvous_decoy.writer import Writer
from rendezvous_runtime.clock import Now
from rendezvous_runtime.testing import MemoryRecord
from scoring.v1.answer_pb2 import Answer, Arrival, Source
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.outcome_pb2 import Outcome
from scoring.v1.request_pb2 import Request
from scoring.v1.score_pb2 import Score, ScoreStatus

AT_US = 1_795_237_200_000_000  # 2026-11-21T05:00:00Z
HOUR_US = 3_600_000_000
ROWS = 10


class Inline(Executor):
    """Runs what it is given at once, in the caller's thread."""

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except OSError as error:
            future.set_exception(error)
        return future


def writer_on(root: Path, disk: Disk | None = None) -> Writer:
    return Writer(root, partial(encode, compression="zstd"), disk or Disk())


def decoy_on(
    root: Path, *, disk: Disk | None = None, writer: Executor | None = None, limits: Limits | None = None
) -> DecoyHandler:
    return DecoyHandler(
        Archive(limits or Limits(rows=ROWS, age_us=5_000_000)),
        writer_on(root, disk),
        writer or Inline(),
        DecoyMetrics(CollectorRegistry()),
    )


def input_message(
    number: int = 0, *, route: str = "wine", features: Mapping[str, object] | None = None
) -> Input:
    fields = to_fields(features or {"alcohol": 9.4})
    request = Request(id=f"r{number}", route=route, fields=to_fields({"colour": "red"}))
    return Input(
        id=f"r{number}",
        route=route,
        revision=3,
        sent_at_us=AT_US,
        budget_us=50_000,
        digest=2**64 - 1,
        extractor="wine-features",
        features=fields,
        request=request,
        request_offset=number,
    )


def decision_message(number: int = 0) -> Decision:
    in_time = Arrival(model="wine-linear@1", status=ScoreStatus.SCORE_STATUS_OK, after_us=4_000)
    late = Arrival(model="wine-forest@1", status=ScoreStatus.SCORE_STATUS_FAILED, after_us=70_000)
    answer = Answer(
        id=f"r{number}",
        route="wine",
        revision=3,
        source=Source.SOURCE_MODEL,
        model="wine-linear@1",
        tier=2,
        rule="after 40ms use wine-linear@1",
        outputs=to_fields({"quality": 5.5}),
        sent_at_us=AT_US,
        deadline_us=AT_US + 50_000,
        answered_at_us=AT_US + 40_000,
        arrivals=[in_time],
    )
    return Decision(
        answer=answer,
        scores=[
            Score(model=in_time.model, status=in_time.status, outputs=to_fields({"quality": 5.5})),
            Score(model=late.model, status=late.status, error="out of memory"),
        ],
        arrivals=[in_time, late],
        missing=["wine-mlp@1"],
        closed_at_us=AT_US + 100_000,
    )


def outcome_message(number: int = 0) -> Outcome:
    return Outcome(
        request_id=f"r{number}",
        route="wine",
        observed_at_us=AT_US,
        reward=0.5,
        truth=to_fields({"quality": 6}),
    )


MESSAGES: Mapping[str, Callable[[int], Input | Decision | Outcome]] = {
    INPUTS: input_message,
    DECISIONS: decision_message,
    OUTCOMES: outcome_message,
}


def record(
    topic: str = INPUTS,
    offset: int = 0,
    *,
    partition: int = 0,
    value: bytes | None = None,
    at_us: int = AT_US,
) -> MemoryRecord:
    """A record whose message is about request r<offset>, or one with *value*."""
    if value is None:
        value = MESSAGES[topic](offset).SerializeToString()
    return MemoryRecord(
        topic,
        value,
        partition=partition,
        offset=offset,
        key=f"r{offset}".encode(),
        headers=[("traceparent", b"00-1-2-01")],
        at=Now(0, at_us),
    )


def inputs(first: int, end: int, *, partition: int = 0, at_us: int = AT_US) -> list[MemoryRecord]:
    return [record(INPUTS, offset, partition=partition, at_us=at_us) for offset in range(first, end)]
