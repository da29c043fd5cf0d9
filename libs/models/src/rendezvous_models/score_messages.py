"""
What models said, as messages on `scores`.

The scores of a batch have most in common, which is written once for all of them: protobuf reads messages
that follow each other as one.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from rendezvous_contracts.errors import BadValueError
from rendezvous_contracts.fields_codec import FieldsWriter
from rendezvous_contracts.topics import SCORES
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Send
from scoring.v1.score_pb2 import Score, ScoreHead, ScoreStatus

from rendezvous_models.contract import Failure, Outputs
from rendezvous_models.scoring import Refusal, Scored

# Looked up once: the enumeration finds a name anew each time.
OK: Final = ScoreStatus.SCORE_STATUS_OK
FAILED: Final = ScoreStatus.SCORE_STATUS_FAILED
#: Statuses of those whose model was asked.
ASKED: Final = (OK, FAILED)


class Result(NamedTuple):
    """What came of one input: *own* is the part of its message that no other shares."""

    status: ScoreStatus.ValueType
    own: bytes


class ScoreWriter:
    """Writes scores. For one thread at a time."""

    def __init__(self) -> None:
        self._fields = FieldsWriter()

    def results(self, scored: Scored) -> list[Result]:
        """Return what came of each input of *scored*; outputs that do not travel are the model's failure."""
        return [
            self._result(work.id, said) for work, said in zip(scored.batch.work, scored.results, strict=True)
        ]

    def _result(self, named: str, said: Outputs | Failure | Refusal) -> Result:
        if isinstance(said, Refusal):
            return Result(said.status, _without_outputs(named, said.error))
        if isinstance(said, Failure):
            return Result(FAILED, _without_outputs(named, said.reason))
        try:
            outputs = self._fields.write(said)
        except BadValueError as error:
            return Result(FAILED, _without_outputs(named, f"the model's output cannot be sent: {error}"))
        return Result(OK, ScoreHead(request_id=named, outputs=outputs).SerializeToString())


def _without_outputs(named: str, error: str) -> bytes:
    return Score(request_id=named, error=error).SerializeToString()


def sends(scored: Scored, results: list[Result], now: Now) -> Iterator[Send]:
    """
    Yield *results* of *scored*, whose inputs were read at *now*, as scores to send.

    What fails of an input that does not name the model is not sent: see serving.
    """
    shared: dict[tuple[object, ...], bytes] = {}
    for work, result in zip(scored.batch.work, results, strict=True):
        if not (work.named or result.status == OK):
            continue
        like = (result.status, work.revision, work.route)
        begin = shared.get(like)
        if begin is None:
            begin = shared[like] = _shared(scored, *like, now)
        yield Send(SCORES, work.partition, work.key, begin + result.own, work.headers)


def _shared(scored: Scored, status: ScoreStatus.ValueType, revision: int, route: str, now: Now) -> bytes:
    score = Score(
        model=scored.batch.name,
        status=status,
        revision=revision,
        route=route,
        received_at_us=now.wall,
        waited_us=max(0, scored.started.mono - now.mono),
        scored_us=scored.took_us if status in ASKED else 0,
    )
    return score.SerializeToString()
