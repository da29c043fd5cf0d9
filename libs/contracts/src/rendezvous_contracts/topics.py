"""The topics: their names, and how each is laid out in the broker. The one place that knows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

REQUESTS: Final = "requests"
INPUTS: Final = "inputs"
SCORES: Final = "scores"
ANSWERS: Final = "answers"
DECISIONS: Final = "decisions"
OUTCOMES: Final = "outcomes"
CONTROL: Final = "control"
STATUS: Final = "status"
DEAD_LETTERS: Final = "dead-letters"

_DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True)
class TopicSpec:
    """
    How one topic is laid out.

    *per_request* topics all have the same number of partitions, for a request keeps its partition number
    in every one of them; the others have one.
    """

    name: str
    per_request: bool
    config: Mapping[str, str]


def _spec(name: str, *, per_request: bool, **config: str) -> TopicSpec:
    named = {key.replace("_", "."): value for key, value in config.items()}
    return TopicSpec(name, per_request, MappingProxyType(named))


_STREAM: Final = {"retention_ms": str(7 * _DAY_MS)}

TOPICS: Final[tuple[TopicSpec, ...]] = (
    _spec(REQUESTS, per_request=True, **_STREAM),
    _spec(INPUTS, per_request=True, **_STREAM),
    _spec(SCORES, per_request=True, **_STREAM),
    # The broker's own clock: a restarted rendezvous looks its answers up by it.
    _spec(ANSWERS, per_request=True, message_timestamp_type="LogAppendTime", **_STREAM),
    _spec(DECISIONS, per_request=True, **_STREAM),
    _spec(OUTCOMES, per_request=True, **_STREAM),
    _spec(DEAD_LETTERS, per_request=True, retention_ms=str(30 * _DAY_MS)),
    _spec(CONTROL, per_request=False, retention_ms="-1", retention_bytes="-1"),
    _spec(STATUS, per_request=False, cleanup_policy="compact"),
)
