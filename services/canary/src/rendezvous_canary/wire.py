"""Bytes of the topic scores to scores."""

from google.protobuf.message import DecodeError
from rendezvous_runtime.stream import Record
from scoring.v1.score_pb2 import Score


def read_score(record: Record) -> Score | str:
    """Return the score that *record* holds, or why it holds none."""
    try:
        score = Score.FromString(record.value() or b"")
    except DecodeError as error:
        return f"not a Score message: {error}"
    return score if score.request_id and score.model else "a Score without a request or a model"
