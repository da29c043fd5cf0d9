"""What travels in each topic: its message, key and headers, and who writes and reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from google.protobuf.message import Message
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import Control
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.outcome_pb2 import Outcome
from scoring.v1.request_pb2 import Request
from scoring.v1.score_pb2 import Score
from scoring.v1.status_pb2 import Status

from rendezvous_contracts.topics import (
    ANSWERS,
    CONTROL,
    DEAD_LETTERS,
    DECISIONS,
    INPUTS,
    OUTCOMES,
    REQUESTS,
    SCORES,
    STATUS,
)

_REQUEST_ID: Final = "the request's id"
_SERVICES: Final = (
    "gateway", "feature-extractor", "model-container", "rendezvous", "canary", "decoy", "operator",
)  # fmt: skip


@dataclass(frozen=True)
class Channel:
    """
    One topic. *message*: None where records are as they came. *headers*: what they mean, by name.

    *written_by*, *read_by*: services, or `client` for any program.
    """

    topic: str
    summary: str
    message: type[Message] | None
    key: str
    written_by: tuple[str, ...]
    read_by: tuple[str, ...]
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


# W3C Trace Context, https://www.w3.org/TR/trace-context/: the same text as over HTTP.
TRACE_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"traceparent": "W3C trace context of the request, where it is traced"}
)
DEAD_LETTER_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "error": "what is wrong with the record",
        "topic": "where it was read",
        "partition": "its partition there, as a decimal number",
        "offset": "its offset there, as a decimal number; not where a service made it and could not send it",
        "service": "which service could not handle it",
        "at_us": "its timestamp there, in microseconds since the epoch",
    }
)

CHANNELS: Final[tuple[Channel, ...]] = (
    Channel(
        REQUESTS, "Questions.", Request, _REQUEST_ID,
        ("gateway", "client"), ("feature-extractor",), TRACE_HEADERS,
    ),
    Channel(
        INPUTS, "Questions with their features, stamped with one revision of their route.", Input,
        _REQUEST_ID, ("feature-extractor",), ("model-container", "canary", "decoy", "rendezvous"),
        TRACE_HEADERS,
    ),
    Channel(
        SCORES, "What one model said about one input.", Score, _REQUEST_ID,
        ("model-container", "canary"), ("rendezvous", "canary"), TRACE_HEADERS,
    ),
    Channel(
        ANSWERS, "The one answer to each question; a repeated question gets its answer again.", Answer,
        _REQUEST_ID, ("rendezvous",), ("gateway", "client", "rendezvous"), TRACE_HEADERS,
    ),
    Channel(
        DECISIONS, "How each answer came about, with all scores; written at least once.", Decision,
        _REQUEST_ID, ("rendezvous",), ("canary", "decoy", "operator", "client"), TRACE_HEADERS,
    ),
    Channel(
        OUTCOMES, "The truth or the reward, learnt later.", Outcome, _REQUEST_ID,
        ("gateway", "client"), ("rendezvous", "decoy"),
    ),
    Channel(
        CONTROL, "Everything that ever changed: models, routes, roll-outs, deployments. Kept for ever.",
        Control, "the message's id", ("client", "operator"),
        (*_SERVICES, "client"),
    ),
    Channel(
        STATUS, "The newest word of each instance of a service.", Status, "the instance's name",
        _SERVICES,
        ("operator", "client"),
    ),
    Channel(
        DEAD_LETTERS, "Records that could not be handled, as they came, with the reason in their headers.",
        None, "the record's own",
        ("gateway", "feature-extractor", "model-container", "rendezvous", "canary", "decoy"), ("client",),
        MappingProxyType({**TRACE_HEADERS, **DEAD_LETTER_HEADERS}),
    ),
)  # fmt: skip
