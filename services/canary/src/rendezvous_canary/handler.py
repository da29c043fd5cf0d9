"""The canary on the stream: scores inputs as any model does, and compares all scores with its own."""

from collections.abc import Collection, Mapping, Sequence

from rendezvous_contracts.routes import scoring_models
from rendezvous_contracts.topics import INPUTS, SCORES
from rendezvous_models.serving import ScoringHandler
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.dead_letters import dead_letter
from rendezvous_runtime.stream import Record, Send, TopicPartition

from rendezvous_canary.comparison import Comparison, Expected
from rendezvous_canary.settings import CanarySettings
from rendezvous_canary.wire import read_score


class CanaryHandler:
    """
    Hands inputs to *scoring* and scores, its own too, to *comparison*.

    What waits to be compared is not kept over a restart: the requests under way then are not compared.
    """

    topics: Sequence[str] = (INPUTS, SCORES)

    def __init__(self, scoring: ScoringHandler, comparison: Comparison, *, service: str) -> None:
        self._scoring = scoring
        self._service = service
        self.comparison = comparison

    def on_assign(self, partitions: Collection[int], now: Now) -> None:
        """Nothing is prepared per partition."""

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - the protocol's
        """Forget what waits in *partitions*."""
        self.comparison.drop(partitions)

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Return the canary's scores of the inputs among *records*, and dead letters."""
        inputs = [record for record in records if record.topic() == INPUTS]
        sends = [*self._scoring.on_records(inputs, now)] if inputs else []
        for record in records:
            if record.topic() == SCORES:
                score = read_score(record)
                if isinstance(score, str):
                    sends.append(dead_letter(record, score, service=self._service))
                else:
                    self.comparison.add(record.partition(), score, now.mono)
        return sends

    def on_time(self, now: Now) -> Sequence[Send]:
        """Close the requests whose time is up."""
        self.comparison.expire(now.mono)
        return ()

    def next_time(self) -> int | None:
        """Return when the next one's time is up."""
        return self.comparison.next_time()

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Every input read is scored; comparisons are not kept."""
        return {}


def create_comparison(settings: CanarySettings, control: ControlView) -> Comparison:
    """Return a comparison that expects what the routes whose canary is assigned here name."""

    def expected(route: str, number: int) -> Expected | None:
        revision = control.state.revision(route, number)
        if revision is None or revision.route.canary not in settings.model:
            return None
        canary = revision.route.canary
        return Expected(canary, frozenset(scoring_models(revision.route)) - {canary})

    return Comparison(
        expected, max_requests=settings.compare_requests, max_age_us=int(settings.compare_s * 1e6)
    )
