"""Records of the log to rows of the archive."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import DECISIONS, INPUTS, OUTCOMES
from rendezvous_runtime.stream import Headers, Record, TopicPartition
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.outcome_pb2 import Outcome

from rendezvous_decoy.errors import UndecodableError
from rendezvous_decoy.names import OTHER, UNDECODABLE, hour_name, route_name

Archived = Input | Decision | Outcome

MESSAGES: Final[Mapping[str, type[Archived]]] = MappingProxyType(
    {INPUTS: Input, DECISIONS: Decision, OUTCOMES: Outcome}
)

# What a row weighs in memory beside its bytes: the objects that hold it, measured roughly.
_OVERHEAD: Final = 500


class Row(NamedTuple):
    """
    One record as the archive keeps it.

    *message* is None and *error* says why if the record could not be decoded; *raw* is what came in, in any
    case. *route* and *hour* name its folder. *timestamp_ms* is Kafka's, None if there is none.
    """

    place: TopicPartition
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    raw: bytes | None
    headers: Headers
    message: Archived | None
    error: str | None
    route: str
    hour: str

    @property
    def size(self) -> int:
        """About the bytes that it holds in memory."""
        return len(self.raw or b"") + len(self.key or b"") + _OVERHEAD


def decode(topic: str, value: bytes | None) -> Archived:
    """Return the message of *topic* that *value* is; raises UndecodableError if it is none."""
    kind = MESSAGES[topic]
    if value is None:
        raise UndecodableError(
            f"a record of {topic} without a value: its value has to be the message {kind.__name__}"
        )
    try:
        message = kind.FromString(value)
    except DecodeError as error:
        raise UndecodableError(f"these bytes are not a valid {kind.__name__}: {error}") from None
    if not id_of(message):
        raise UndecodableError(f"this {kind.__name__} has no request id")
    return message


def id_of(message: Archived) -> str:
    """Return the id of the request that *message* is about."""
    if isinstance(message, Decision):
        return message.answer.id
    return message.request_id if isinstance(message, Outcome) else message.id


def route_of(message: Archived) -> str:
    """Return the route that *message* names, as it came in."""
    return message.answer.route if isinstance(message, Decision) else message.route


def to_row(record: Record) -> Row:
    """Return the row of *record*; one that cannot be decoded has an error in place of a message."""
    value = record.value()
    try:
        message, error = decode(record.topic(), value), None
    except UndecodableError as problem:
        message, error = None, str(problem)
    kind, stamp = record.timestamp()
    timestamp = stamp if kind else None  # kind 0: the record has none
    return Row(
        place=TopicPartition(record.topic(), record.partition()),
        offset=record.offset(),
        timestamp_ms=timestamp,
        key=record.key(),
        raw=value,
        headers=record.headers() or [],
        message=message,
        error=error,
        route=UNDECODABLE if message is None else route_name(route_of(message)),
        hour=OTHER if timestamp is None else hour_name(timestamp),
    )
