"""
Scoring as a stream handler: inputs in, scores out. Model containers and canaries are this and little more.

Who scores an input: the models assigned to this process that the input's own revision names, and the one that
its request pins.

- A revision that this process has not folded yet: every ready model of the process scores, and only what
  succeeds is sent. The revision may name any of them, waiting for the fold would cost the deadline, a score
  that nobody asked for is ignored by the join, and a failure may only say that the model is another route's.
- Revision 0 (no such route) or an input with a problem: nobody scores; the rendezvous answers by itself.

A deadline that has passed when the model would begin gives an EXPIRED score, an assigned model that is not
ready NOT_READY, features that do not fit INVALID_INPUT, and a model that fails FAILED: always a score. Only
an input whose mailbox closed a minute ago or earlier is counted and no more: a container that is new, or
long away, would flood the log with what nobody waits for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from rendezvous_contracts.errors import BadValueError
from rendezvous_contracts.routes import late_window_us, scoring_models
from rendezvous_contracts.topics import INPUTS, SCORES
from rendezvous_contracts.values import from_fields, to_fields
from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.dead_letters import dead_letter
from rendezvous_runtime.histograms import Seen
from rendezvous_runtime.stream import Headers, Record, Send, TopicPartition
from rendezvous_runtime.traced import trace_id_of
from scoring.v1.input_pb2 import Input
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.value_pb2 import Fields

from rendezvous_models.contract import Failure, ModelRuntime, Outputs, Row, SupportsBudget
from rendezvous_models.shelf import ReadyModel, ReadyModels, Shelf
from rendezvous_models.tally import InputFate, Tally

_TRACE: Final = "traceparent"
_STALE_US: Final = 60_000_000


class _Plan(NamedTuple):
    """Who of this process scores the inputs of one revision; *named*: because the revision says so."""

    models: tuple[str, ...]
    named: bool
    late_us: int


class _Work(NamedTuple):
    """One input that one model is to score."""

    partition: int
    key: bytes
    headers: Headers | None
    input: Input
    row: Row
    named: bool


class _Result(NamedTuple):
    """What came of it."""

    status: ScoreStatus.ValueType
    outputs: Fields | None = None
    error: str = ""


class _Times(NamedTuple):
    """What one batch took, as in Score."""

    received_at_us: int
    waited_us: int
    scored_us: int


# Looked up once: the enumeration finds a name anew each time.
_OK: Final = ScoreStatus.SCORE_STATUS_OK
_FAILED: Final = ScoreStatus.SCORE_STATUS_FAILED
_INVALID: Final = ScoreStatus.SCORE_STATUS_INVALID_INPUT
# Statuses of those whose model was asked.
_SCORED: Final = (_OK, _FAILED)
_EXPIRED: Final = _Result(ScoreStatus.SCORE_STATUS_EXPIRED, error="the deadline had passed")
_NOT_READY: Final = _Result(ScoreStatus.SCORE_STATUS_NOT_READY, error="the model is not ready here")


class ScoringHandler:
    """
    Scores inputs with the models of *shelf*.

    *clock* measures how long scoring takes, within a batch; rows go to a model at most *max_batch* at a time.
    """

    topics: Sequence[str] = (INPUTS,)

    def __init__(
        self, shelf: Shelf, view: ControlView, *, clock: Clock, service: str, max_batch: int = 256
    ) -> None:
        self._shelf = shelf
        self._view = view
        self._clock = clock
        self._service = service
        self._max_batch = max_batch
        self.tally = Tally()
        self._plans: dict[tuple[str, int], _Plan] = {}  # a revision never changes

    def on_assign(self, partitions: Collection[int], now: Now) -> None:
        """Nothing is kept per partition."""

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:
        """Nothing is kept per partition."""

    def on_time(self, now: Now) -> Sequence[Send]:  # noqa: ARG002 - the protocol's
        """Nothing is due."""
        return ()

    def next_time(self) -> int | None:
        """Only records wake it."""
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Every input read is scored."""
        return {}

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Return the scores of *records*, inputs; bytes that are no Input become dead letters."""
        sends: list[Send] = []
        with self._shelf.open() as ready:
            for name, work in self._sort(records, ready, now, sends).items():
                for start in range(0, len(work), self._max_batch):
                    batch = work[start : start + self._max_batch]
                    sends.extend(self._score(name, ready.get(name), batch, now))
        return sends

    def _sort(
        self, records: Sequence[Record], ready: ReadyModels, now: Now, sends: list[Send]
    ) -> dict[str, list[_Work]]:
        """Return what each model has to do; dead letters go to *sends*."""
        work: defaultdict[str, list[_Work]] = defaultdict(list)
        for record in records:
            parsed = _parse(record)
            if not isinstance(parsed, Input):
                self.tally.input(InputFate.UNDECODABLE)
                sends.append(dead_letter(record, parsed, service=self._service))
                continue
            plan = self._plans.get((parsed.route, parsed.revision)) or self._plan(parsed, ready)
            fate = _fate(parsed, plan, now.wall)
            self.tally.input(fate)
            if fate is not InputFate.ACCEPTED:
                continue
            if plan.models:
                each = _work(record, parsed, named=plan.named)
                for name in plan.models:
                    work[name].append(each)
            if self._is_pinned_here(parsed, plan):
                work[parsed.model].append(_work(record, parsed, named=True))
        return work

    def _is_pinned_here(self, parsed: Input, plan: _Plan) -> bool:
        """Return whether a request names a model of this process that its revision does not."""
        model = parsed.model
        return bool(
            model and model in self._shelf.assigned and model not in plan.models and not parsed.model_problem
        )

    def _plan(self, parsed: Input, ready: ReadyModels) -> _Plan:
        revision = self._view.state.revision(parsed.route, parsed.revision)
        if revision is None:
            return _Plan(tuple(ready), named=False, late_us=0)
        models = tuple(name for name in scoring_models(revision.route) if name in self._shelf.assigned)
        plan = _Plan(models, named=True, late_us=late_window_us(revision.route))
        self.tally.sla(revision.route.sla_us)
        self._plans[parsed.route, parsed.revision] = plan
        return plan

    def _score(self, name: str, model: ReadyModel | None, batch: list[_Work], now: Now) -> Iterator[Send]:
        if model is None:
            self._shelf.ask(name)
        started = self._clock.now()
        results = self._results(model, batch, started)
        ended = self._clock.now()
        duration_us = ended.mono - started.mono
        self._count(name, model, results, duration_us)
        self._count_latencies(name, batch, ended)
        times = _Times(now.wall, max(0, started.mono - now.mono), duration_us)
        for work, result in zip(batch, results, strict=True):
            if work.named or result.status == _OK:
                value = _message(name, work.input, result, times)
                yield Send(SCORES, work.partition, work.key, value, work.headers)

    def _results(self, model: ReadyModel | None, batch: list[_Work], started: Now) -> list[_Result]:
        if model is None or not model.runtime.ready:
            return [_NOT_READY] * len(batch)
        results = [_before_scoring(model, work, started.wall) for work in batch]
        due = [work for work, result in zip(batch, results, strict=True) if result is None]
        predictions = _predict(model.runtime, due, started.wall) if due else ()
        self.tally.said(model.name, predictions)
        scored = iter([_result(each) for each in predictions])
        return [next(scored) if result is None else result for result in results]

    def _count_latencies(self, name: str, batch: list[_Work], ended: Now) -> None:
        elapsed = [max(0, ended.wall - work.input.sent_at_us) for work in batch]
        traced = [_seen(work, ended) for work in batch if work.headers]
        self.tally.took(name, elapsed, [seen for seen in traced if seen.trace_id])

    def _count(self, name: str, model: ReadyModel | None, results: list[_Result], duration_us: int) -> None:
        statuses = [result.status for result in results]
        self.tally.scores(name, statuses)
        scored = sum(map(statuses.count, _SCORED))
        failed = statuses.count(_FAILED)
        if model is not None and scored:
            model.usage.add(scored, failed, duration_us)


def _seen(work: _Work, ended: Now) -> Seen:
    return Seen(trace_id_of(work.headers), ended.wall - work.input.sent_at_us, ended.wall)


def _parse(record: Record) -> Input | str:
    """Return the input that *record* holds, or why it holds none."""
    try:
        parsed = Input.FromString(record.value() or b"")
    except DecodeError as error:
        return f"not an Input message: {error}"
    return parsed if parsed.id else "an Input without an id"


def _fate(parsed: Input, plan: _Plan, wall_us: int) -> InputFate:
    if parsed.problem:
        return InputFate.PROBLEM
    if not parsed.revision:
        return InputFate.UNROUTED
    closed_at_us = _deadline_us(parsed) + plan.late_us
    return InputFate.STALE if closed_at_us + _STALE_US < wall_us else InputFate.ACCEPTED


def _work(record: Record, parsed: Input, *, named: bool) -> _Work:
    headers = record.headers()
    trace = [header for header in headers if header[0] == _TRACE] if headers else None
    key = record.key() or parsed.id.encode()
    return _Work(record.partition(), key, trace, parsed, from_fields(parsed.features), named)


def _before_scoring(model: ReadyModel, work: _Work, wall_us: int) -> _Result | None:
    """Return why *model* does not even begin; None if it does."""
    if _deadline_us(work.input) <= wall_us:
        return _EXPIRED
    problem = model.validator.problem(work.row)
    return _Result(_INVALID, error=problem) if problem else None


def _deadline_us(parsed: Input) -> int:
    return parsed.sent_at_us + parsed.budget_us


def _predict(runtime: ModelRuntime, due: list[_Work], wall_us: int) -> Sequence[Outputs | Failure]:
    rows = [work.row for work in due]
    try:
        if isinstance(runtime, SupportsBudget):
            budget_us = max(_deadline_us(work.input) for work in due) - wall_us
            predictions = runtime.predict_within(rows, budget_us)
        else:
            predictions = runtime.predict(rows)
    except Exception as error:  # noqa: BLE001 - whatever a model's code raises costs its own scores only
        predictions = [Failure(f"the model failed: {type(error).__name__}: {error}")] * len(rows)
    if len(predictions) != len(rows):
        reason = f"the model gave {len(predictions)} outputs for {len(rows)} rows"
        return [Failure(reason)] * len(rows)
    return predictions


def _result(prediction: Outputs | Failure) -> _Result:
    if isinstance(prediction, Failure):
        return _Result(_FAILED, error=prediction.reason)
    try:
        return _Result(_OK, to_fields(prediction))
    except BadValueError as error:
        reason = f"the model's output cannot be sent: {error}"
        return _Result(_FAILED, error=reason)


def _message(name: str, scored: Input, result: _Result, times: _Times) -> bytes:
    score = Score(
        model=name,
        status=result.status,
        revision=scored.revision,
        outputs=result.outputs,
        error=result.error,
        request_id=scored.id,
        route=scored.route,
        received_at_us=times.received_at_us,
        waited_us=times.waited_us,
        scored_us=times.scored_us if result.status in _SCORED else 0,
    )
    return score.SerializeToString()
