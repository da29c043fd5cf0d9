"""
Batches of inputs through their models: who is not asked at all, who is asked, and what they say.

Models in processes of their own are asked first and answer last: they score at the same time as each other
and as those in this process, and several that hang cost one wait.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, final

from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.stream import Headers
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_models.contract import Failure, Outputs, Row, SupportsAsking
from rendezvous_models.shelf import ReadyModel


@final
class Work:
    """
    One input to score: what is needed of its message, which is let go of at once for it takes much memory.

    Times are microseconds since the epoch; after *deadline_us* nobody waits for it any more. *named*: it is
    scored because its revision says so, and not for want of knowing better.
    """

    # No tuple: machine code makes it, and reads it, in a fraction of the time.
    __slots__ = (
        "deadline_us", "headers", "id", "key", "named", "partition", "revision", "route", "row", "sent_at_us",
    )  # fmt: skip

    def __init__(
        self,
        id: str,  # noqa: A002 - the message's own word
        route: str,
        revision: int,
        sent_at_us: int,
        deadline_us: int,
        row: Row,
        partition: int,
        key: bytes,
        headers: Headers | None,
        *,
        named: bool,
    ) -> None:
        self.id = id
        self.route = route
        self.revision = revision
        self.sent_at_us = sent_at_us
        self.deadline_us = deadline_us
        self.row = row
        self.partition = partition
        self.key = key
        self.headers = headers
        self.named = named

    def by_name(self) -> "Work":
        """Return it as work of a model that is asked for by its name."""
        return Work(
            self.id, self.route, self.revision, self.sent_at_us, self.deadline_us, self.row, self.partition,
            self.key, self.headers, named=True,
        )  # fmt: skip


class Refusal(NamedTuple):
    """Why a model was not asked about a row."""

    status: ScoreStatus.ValueType
    error: str


class Batch(NamedTuple):
    """What the model *name* is to score; *model* is None while it is not ready."""

    name: str
    model: ReadyModel | None
    work: Sequence[Work]
    #: Of each input, why it does not fit the model; empty where it does.
    problems: Sequence[str]
    #: Whether the model could not score them in time, so that it is not asked.
    hopeless: bool = False

    @classmethod
    def of(
        cls, name: str, model: ReadyModel | None, work: Sequence[Work], *, hopeless: bool = False
    ) -> "Batch":
        """Return *work* as a batch, its rows held against the fields of *model*."""
        problem = model.validator.problem if model else _no_problem
        return cls(name, model, work, [problem(each.row) for each in work], hopeless)

    @property
    def asking(self) -> SupportsAsking | None:
        """Who is asked without waiting, where the model scores elsewhere."""
        return self.model.asking if self.model else None


class Scored(NamedTuple):
    """What came of a batch: of each input outputs, the model's failure or a refusal; since when, how long."""

    batch: Batch
    results: Sequence[Outputs | Failure | Refusal]
    started: Now
    took_us: int


_EXPIRED: Final = Refusal(ScoreStatus.SCORE_STATUS_EXPIRED, "the deadline had passed")
_HOPELESS: Final = Refusal(
    ScoreStatus.SCORE_STATUS_EXPIRED,
    "the deadline would have passed: the model is asked more than it can score",
)
_NOT_READY: Final = Refusal(ScoreStatus.SCORE_STATUS_NOT_READY, "the model is not ready here")
_INVALID: Final = ScoreStatus.SCORE_STATUS_INVALID_INPUT

_Collect = Callable[[], Scored]


def score(batches: Sequence[Batch], clock: Clock) -> list[Scored]:
    """Return what comes of *batches*, in their order."""
    asked = {place: _asked(batch, clock) for place, batch in enumerate(batches) if batch.asking}
    if not asked:
        return [_here(batch, clock) for batch in batches]
    here = {place: _here(batch, clock) for place, batch in enumerate(batches) if place not in asked}
    done = here | {place: collect() for place, collect in asked.items()}
    return [done[place] for place in range(len(batches))]


def _asked(batch: Batch, clock: Clock) -> _Collect:
    """Ask the model of *batch*, and return what collects its answer."""
    started = clock.now()
    refused = _refused(batch, started.wall)
    due = _due(batch, refused)
    asking = batch.asking
    if not due or asking is None:
        return lambda: Scored(batch, _merged(refused, []), started, 0)
    collect = asking.ask([work.row for work in due], _budget_us(due, started.wall))

    def collected() -> Scored:
        answer = collect()
        return Scored(batch, _merged(refused, answer.predictions), started, answer.took_us)

    return collected


def _here(batch: Batch, clock: Clock) -> Scored:
    started = clock.now()
    refused = _refused(batch, started.wall)
    due = _due(batch, refused)
    predictions = _predict(batch.model, due, started.wall) if batch.model and due else []
    return Scored(batch, _merged(refused, predictions), started, clock.now().mono - started.mono)


def _refused(batch: Batch, wall_us: int) -> list[Refusal | None]:
    """Return which rows are not asked about, and why; whether the model is ready is looked at only here."""
    if batch.model is None or not batch.model.runtime.ready:
        return [_NOT_READY] * len(batch.work)
    otherwise = _HOPELESS if batch.hopeless else None
    return [
        _EXPIRED if work.deadline_us <= wall_us else Refusal(_INVALID, problem) if problem else otherwise
        for work, problem in zip(batch.work, batch.problems, strict=True)
    ]


def _due(batch: Batch, refused: Sequence[Refusal | None]) -> Sequence[Work]:
    if not any(refused):
        return batch.work
    return [work for work, refusal in zip(batch.work, refused, strict=True) if refusal is None]


def _merged(
    refused: Sequence[Refusal | None], predictions: Sequence[Outputs | Failure]
) -> Sequence[Outputs | Failure | Refusal]:
    if not any(refused):
        return predictions
    rest = iter(predictions)
    return [next(rest) if refusal is None else refusal for refusal in refused]


def _budget_us(due: Sequence[Work], wall_us: int) -> int:
    return max(work.deadline_us for work in due) - wall_us


def _predict(model: ReadyModel, due: Sequence[Work], wall_us: int) -> Sequence[Outputs | Failure]:
    rows = [work.row for work in due]
    try:
        if model.budgeted is not None:
            predictions = model.budgeted.predict_within(rows, _budget_us(due, wall_us))
        else:
            predictions = model.runtime.predict(rows)
    except Exception as error:  # noqa: BLE001 - whatever a model's code raises costs its own scores only
        return [Failure(f"the model failed: {type(error).__name__}: {error}")] * len(rows)
    if len(predictions) != len(rows):
        return [Failure(f"the model gave {len(predictions)} outputs for {len(rows)} rows")] * len(rows)
    return predictions


def _no_problem(_: Row) -> str:
    """A model that is not ready is not asked, whatever the row."""
    return ""
