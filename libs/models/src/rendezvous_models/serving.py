"""
Scoring as a stream handler: inputs in, scores out. Model containers and canaries are this and little more.

Who scores an input: the models assigned to this process that the input's own revision names, and the one that
its request pins.

- A revision that this process has not folded yet: every ready model of the process scores, and only what
  succeeds is sent. The revision may name any of them, waiting for the fold would cost the deadline, a score
  that nobody asked for is ignored by the join, and a failure may only say that the model is another route's.
- Revision 0 (no such route) or an input with a problem: nobody scores; the rendezvous answers by itself.

A deadline that has passed when the model would begin gives an EXPIRED score, and so does one that would pass
before it has ended: a model that is asked more than it can score takes those that it can still score in time.
An assigned model that is not ready gives NOT_READY, features that do not fit INVALID_INPUT, and a model that
fails FAILED: always a score. Only an input whose mailbox closed a minute ago or earlier is counted and no
more: a container that is new, or long away, would flood the log with what nobody waits for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from rendezvous_contracts.fields_codec import FieldsReader
from rendezvous_contracts.routes import late_window_us, scoring_models
from rendezvous_contracts.topics import INPUTS
from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.dead_letters import dead_letter
from rendezvous_runtime.histograms import Seen
from rendezvous_runtime.stream import Record, Send, TopicPartition
from rendezvous_runtime.traced import trace_id_of
from scoring.v1.input_pb2 import InputFrame
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_models.cost import in_time
from rendezvous_models.score_messages import ASKED, FAILED, ScoreWriter, sends
from rendezvous_models.scoring import Batch, Refusal, Scored, Work, score
from rendezvous_models.shelf import ReadyModels, Shelf
from rendezvous_models.tally import InputFate, Tally

_TRACE: Final = "traceparent"
_STALE_US: Final = 60_000_000


class _Plan(NamedTuple):
    """Who of this process scores the inputs of one revision; *named*: because the revision says so."""

    models: tuple[str, ...]
    named: bool
    late_us: int


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
        self._features = FieldsReader()
        self._writer = ScoreWriter()

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
        found: list[Send] = []
        with self._shelf.open() as ready:
            work = self._sort(records, ready, now, found)
            for batches in zip_longest(*(self._batches(name, ready, work[name], now) for name in work)):
                for scored in score([batch for batch in batches if batch], self._clock):
                    found.extend(self._told(scored, now))
        return found

    def _sort(
        self, records: Sequence[Record], ready: ReadyModels, now: Now, found: list[Send]
    ) -> dict[str, list[Work]]:
        """Return what each model has to do; dead letters go to *found*."""
        work: defaultdict[str, list[Work]] = defaultdict(list)
        fates: list[InputFate] = []
        for record in records:
            try:
                parsed = _parse(record)
                plan = self._plans.get((parsed.route, parsed.revision)) or self._plan(parsed, ready)
                fate = _fate(parsed, plan, now.wall)
                if fate is InputFate.ACCEPTED:
                    self._deal(record, parsed, plan, work)
            except DecodeError as error:
                fate = InputFate.UNDECODABLE
                found.append(dead_letter(record, f"not an Input message: {error}", service=self._service))
            fates.append(fate)
        self.tally.fates(fates)
        return work

    def _deal(
        self, record: Record, parsed: InputFrame, plan: _Plan, work: defaultdict[str, list[Work]]
    ) -> None:
        """Give *parsed* to who scores it."""
        if plan.models:
            each = self._work(record, parsed, named=plan.named)
            for name in plan.models:
                work[name].append(each)
        if self._is_pinned_here(parsed, plan):
            work[parsed.model].append(self._work(record, parsed, named=True))

    def _is_pinned_here(self, parsed: InputFrame, plan: _Plan) -> bool:
        """Return whether a request names a model of this process that its revision does not."""
        model = parsed.model
        return bool(
            model and model in self._shelf.assigned and model not in plan.models and not parsed.model_problem
        )

    def _plan(self, parsed: InputFrame, ready: ReadyModels) -> _Plan:
        revision = self._view.state.revision(parsed.route, parsed.revision)
        if revision is None:
            return _Plan(tuple(ready), named=False, late_us=0)
        models = tuple(name for name in scoring_models(revision.route) if name in self._shelf.assigned)
        plan = _Plan(models, named=True, late_us=late_window_us(revision.route))
        self.tally.sla(revision.route.sla_us)
        self._plans[parsed.route, parsed.revision] = plan
        return plan

    def _work(self, record: Record, parsed: InputFrame, *, named: bool) -> Work:
        headers = record.headers()
        trace = [header for header in headers if header[0] == _TRACE] if headers else None
        key = record.key() or parsed.id.encode()
        return Work(record.partition(), key, trace, parsed, self._features.read(parsed.features), named)

    def _batches(self, name: str, ready: ReadyModels, work: Sequence[Work], now: Now) -> Iterator[Batch]:
        """Yield *work* in parts that the model can be given at once, and what there is no time for in one."""
        model = ready.get(name)
        hopeless: Sequence[Work] = ()
        if model is None:
            self._shelf.ask(name)
        else:
            work, hopeless = in_time(work, model.cost, now.wall)
        for start in range(0, len(work), self._max_batch):
            yield Batch.of(name, model, work[start : start + self._max_batch])
        if hopeless:
            yield Batch.of(name, model, hopeless, hopeless=True)

    def _told(self, scored: Scored, now: Now) -> Iterator[Send]:
        """Count *scored*, and return what to send of it."""
        results = self._writer.results(scored)
        self._count(scored, [result.status for result in results])
        self._count_latencies(scored, self._clock.now())
        return sends(scored, results, now)

    def _count(self, scored: Scored, statuses: Sequence[ScoreStatus.ValueType]) -> None:
        name, model = scored.batch.name, scored.batch.model
        self.tally.scores(name, statuses)
        self.tally.said(name, [each for each in scored.results if not isinstance(each, Refusal)])
        asked = sum(map(statuses.count, ASKED))
        if model is not None and asked:
            model.usage.add(asked, statuses.count(FAILED), scored.took_us)
            model.cost.learn(asked, scored.took_us)

    def _count_latencies(self, scored: Scored, ended: Now) -> None:
        work = scored.batch.work
        elapsed = [max(0, ended.wall - each.input.sent_at_us) for each in work]
        traced = [_seen(each, ended) for each in work if each.headers]
        self.tally.took(scored.batch.name, elapsed, [seen for seen in traced if seen.trace_id])


def _seen(work: Work, ended: Now) -> Seen:
    return Seen(trace_id_of(work.headers), ended.wall - work.input.sent_at_us, ended.wall)


def _parse(record: Record) -> InputFrame:
    """Return the input that *record* holds, with its features still encoded; raises DecodeError."""
    parsed = InputFrame.FromString(record.value() or b"")
    if not parsed.id:
        raise DecodeError("it has no id")
    return parsed


def _fate(parsed: InputFrame, plan: _Plan, wall_us: int) -> InputFate:
    if parsed.problem:
        return InputFate.PROBLEM
    if not parsed.revision:
        return InputFate.UNROUTED
    closed_at_us = parsed.sent_at_us + parsed.budget_us + plan.late_us
    return InputFate.STALE if closed_at_us + _STALE_US < wall_us else InputFate.ACCEPTED
