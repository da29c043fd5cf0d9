"""
The join as one would write it with Faust: an agent on each topic, and a dictionary between them.

It joins the same records, and knows no deadline, no rule, no decision and no duplicate; it answers with the
first score once all are there.
"""

import sys
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import faust
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreHead
from scoring.v1.value_pb2 import Fields


class Pending:
    """What has come for one request."""

    __slots__ = ("head", "scores")

    def __init__(self) -> None:
        self.head: InputHead | None = None
        self.scores: list[ScoreHead] = []


def create_app(
    bootstrap_servers: str, group: str, inputs: str, scores: str, answers: str, models: int, data_dir: str
) -> Any:
    """Return the application; Faust gives its classes no types."""
    app = faust.App(
        group,
        broker=f"kafka://{bootstrap_servers}",
        datadir=data_dir,
        consumer_auto_offset_reset="earliest",
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )
    raw = {"key_serializer": "raw", "value_serializer": "raw"}
    target = app.topic(answers, **raw)
    pending: dict[bytes, Pending] = {}

    async def join(partition: int, key: bytes) -> None:
        found = pending[key]
        if found.head is None or len(found.scores) < models:
            return
        del pending[key]
        value = _answer(found.head, found.scores[0])
        await target.send(key=key, value=value, partition=partition)

    async def read_inputs(stream: AsyncIterator[Any]) -> None:
        async for event in stream.events():  # type: ignore[attr-defined]  # Faust's stream
            pending.setdefault(event.key, Pending()).head = InputHead.FromString(event.value)
            await join(event.message.partition, event.key)

    async def read_scores(stream: AsyncIterator[Any]) -> None:
        async for event in stream.events():  # type: ignore[attr-defined]  # Faust's stream
            pending.setdefault(event.key, Pending()).scores.append(ScoreHead.FromString(event.value))
            await join(event.message.partition, event.key)

    app.agent(app.topic(inputs, **raw), name="inputs")(read_inputs)
    app.agent(app.topic(scores, **raw), name="scores")(read_scores)
    return app


def _answer(head: InputHead, score: ScoreHead) -> bytes:
    answer = Answer(
        id=head.id, route=head.route, revision=head.revision, source=Source.SOURCE_MODEL, model=score.model,
        extractor=head.extractor, outputs=Fields.FromString(score.outputs), sent_at_us=head.sent_at_us,
        digest=head.digest, request_offset=head.request_offset,
    )  # fmt: skip
    return answer.SerializeToString()


def main(bootstrap_servers: str, group: str, inputs: str, scores: str, answers: str, models: str) -> None:
    """Run until it is ended from outside."""
    with tempfile.TemporaryDirectory() as data_dir:
        app = create_app(bootstrap_servers, group, inputs, scores, answers, int(models), data_dir)
        faust.Worker(app, loglevel="WARNING").execute_from_commandline()


if __name__ == "__main__":
    main(*sys.argv[1:])
