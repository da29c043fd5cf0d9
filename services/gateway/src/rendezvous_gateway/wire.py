"""Records to and from what the gateway works with, and answers as callers see them."""

from collections.abc import Mapping
from typing import Final

from google.protobuf.message import DecodeError
from rendezvous_runtime.stream import Record
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_gateway.admission import Arrived
from rendezvous_gateway.memory import Reply
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.values import plain_fields


def read_answer(record: Record) -> Arrived | None:
    """Return the answer that *record* holds; None if it holds none."""
    encoded = record.value()
    if encoded is None:
        return None
    try:
        answer = Answer.FromString(encoded)
    except DecodeError:
        return None
    return Arrived(Reply(answer, record.partition()), encoded) if answer.id else None


SOURCES: Final[Mapping[int, str]] = {
    Source.SOURCE_MODEL: "model",
    Source.SOURCE_DEFAULT: "default",
    Source.SOURCE_REFUSED: "refused",
    Source.SOURCE_GATEWAY: "gateway",
}
_STATUSES: Final[Mapping[int, str]] = {
    number: name.removeprefix("SCORE_STATUS_").lower().replace("_", "-")
    for name, number in ScoreStatus.items()
}


def answer_document(reply: Reply) -> dict[str, object]:
    """Return *reply* as the JSON object that callers get: the outputs, and where they come from."""
    answer = reply.answer
    return {
        "id": answer.id,
        "route": answer.route,
        "outputs": plain_fields(answer.outputs),
        **provenance(reply),
    }


def provenance(reply: Reply) -> dict[str, object]:
    """Return where the answer of *reply* comes from, and when it was given."""
    answer = reply.answer
    return {
        "source": SOURCES.get(answer.source, "unknown"),
        "model": answer.model or None,
        "revision": answer.revision,
        "tier": answer.tier or None,
        "rule": answer.rule or None,
        "extractor": answer.extractor or None,
        "reason": answer.reason or None,
        "elapsed_ms": _ms(answer.answered_at_us - answer.sent_at_us),
        "late_ms": _ms(max(0, answer.answered_at_us - answer.deadline_us)),
        "partition": reply.partition,
        "arrivals": [
            {
                "model": arrival.model,
                "status": _STATUSES.get(arrival.status, "unknown"),
                "after_ms": _ms(arrival.after_us),
            }
            for arrival in answer.arrivals
        ],
    }


def refusal(answer: Answer) -> ProblemError | None:
    """Return the problem that *answer* stands for, if it is no answer but a refusal by the log."""
    if answer.source != Source.SOURCE_REFUSED:
        return None
    return ProblemError(
        "refused",
        answer.reason or f"route {answer.route!r} is not known at the head of the stream",
        hint="the route is being set or was removed: ask again with a new id",
        retry_after_s=1,
    )


def _ms(microseconds: int) -> float:
    return round(microseconds / 1000, 3)
