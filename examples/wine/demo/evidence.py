"""What is counted: the records of the topics, the rows of the archive, and what HTTP callers got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Generic, NamedTuple, TypeVar

from scoring.v1.answer_pb2 import Answer
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request
from scoring.v1.score_pb2 import Score

HTTP: Final = "http"
KAFKA: Final = "kafka"

T = TypeVar("T")


class Logged(NamedTuple, Generic[T]):
    """One record: its place, its stamp in microseconds since the epoch, its bytes, and what they say."""

    partition: int
    offset: int
    stamp_us: int
    raw: bytes
    message: T


class Reply(NamedTuple):
    """What a caller of the gateway got, and how long it took; *error* says what went wrong, if anything."""

    elapsed_ms: float
    error: str = ""
    source: str = ""
    model: str = ""
    revision: int = 0
    outputs: Mapping[str, object] = {}


class Standstill(NamedTuple):
    """When a processor of this machine did nothing, in microseconds since the epoch."""

    start_us: int
    end_us: int


@dataclass(frozen=True)
class Archived:
    """The archive: the request ids of its rows on the route, and what a check of its offsets found wrong."""

    inputs: Sequence[str] = ()
    decisions: Sequence[str] = ()
    defects: Sequence[str] = ()


@dataclass(frozen=True)
class Evidence:
    """
    All that is known about one run on one route.

    *sent*: by which way each request id was sent. *replies*: of the gateway, by request id. *undecodable*
    counts records, of any topic, that are not what the topic holds. *standstills*: of the machine, by their
    start.
    """

    sent: Mapping[str, str]
    replies: Mapping[str, Reply] = field(default_factory=dict)
    requests: Sequence[Logged[Request]] = ()
    inputs: Sequence[Logged[Input]] = ()
    scores: Sequence[Logged[Score]] = ()
    answers: Sequence[Logged[Answer]] = ()
    decisions: Sequence[Logged[Decision]] = ()
    dead_letters: int = 0
    undecodable: int = 0
    archived: Archived = field(default_factory=Archived)
    standstills: Sequence[Standstill] = ()

    @cached_property
    def asked_us(self) -> Mapping[str, int]:
        """By id, when it was asked: its own stamp, or else its record's (microseconds since the epoch)."""
        return {each.message.id: each.message.sent_at_us or each.stamp_us for each in self.requests}

    def stood_still_us(self, start_us: int, end_us: int) -> int:
        """Return for how long a processor stood still between two moments (microseconds since the epoch)."""
        total, seen_us = 0, start_us
        for each in self.standstills:
            begin_us, until_us = max(each.start_us, seen_us), min(each.end_us, end_us)
            if until_us > begin_us:
                total += until_us - begin_us
                seen_us = until_us
        return total
