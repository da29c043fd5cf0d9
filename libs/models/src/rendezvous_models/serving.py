"""
Scoring as a stream handler: inputs in, scores out. Model containers and canaries are this and little more.

A deadline that has passed when the model would begin gives an EXPIRED score, and so does one that would pass
before it has ended: a model that is asked more than it can score takes those that it can still score in time.
An assigned model that is not ready gives NOT_READY, features that do not fit INVALID_INPUT, and a model that
fails FAILED: always a score. Who scores what: see intake.py.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import zip_longest

from rendezvous_contracts.topics import INPUTS
from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.histograms import Seen
from rendezvous_runtime.stream import Record, Send, TopicPartition
from rendezvous_runtime.traced import trace_id_of
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_models.cost import in_time
from rendezvous_models.intake import Intake
from rendezvous_models.score_messages import ASKED, FAILED, ScoreWriter, sends
from rendezvous_models.scoring import Batch, Refusal, Scored, Work, score
from rendezvous_models.shelf import ReadyModels, Shelf
from rendezvous_models.tally import Tally


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
        self._clock = clock
        self._max_batch = max_batch
        self.tally = Tally()
        self._intake = Intake(shelf.assigned, view, self.tally, service=service)
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
            work = self._intake.deal(records, ready, now.wall, found)
            for batches in zip_longest(*(self._batches(name, ready, work[name], now) for name in work)):
                for scored in score([batch for batch in batches if batch], self._clock):
                    found.extend(self._told(scored, now))
        return found

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
        elapsed = [max(0, ended.wall - each.sent_at_us) for each in work]
        traced = [_seen(each, ended) for each in work if each.headers]
        self.tally.took(scored.batch.name, elapsed, [seen for seen in traced if seen.trace_id])


def _seen(work: Work, ended: Now) -> Seen:
    return Seen(trace_id_of(work.headers), ended.wall - work.sent_at_us, ended.wall)
