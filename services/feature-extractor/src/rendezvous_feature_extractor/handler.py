"""The head of the stream: each request becomes an input under its route's current revision. Pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from rendezvous_contracts.topics import INPUTS, REQUESTS
from rendezvous_control.pins import pin_problem
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.dead_letters import dead_letter, each_by_itself
from rendezvous_runtime.stream import Record, Send, TopicPartition
from scoring.v1.status_pb2 import Passed, Status

from rendezvous_feature_extractor.inputs import stamp
from rendezvous_feature_extractor.metrics import ExtractorMetrics, Outcome
from rendezvous_feature_extractor.plans import Plan, Plans
from rendezvous_feature_extractor.settings import ExtractorSettings
from rendezvous_feature_extractor.wire import UnreadableError, read_request, trace_headers


class FeatureExtractor:
    """
    The Handler of the feature-extractor: from `requests` to the same partition of `inputs`, one for one.

    It keeps nothing between records but the plans of the routes and the newest revision that it stamped on
    each partition. That one never goes back: the control state only moves forward, and a process that starts
    folds all of the control log before it reads.
    """

    def __init__(self, control: ControlView, metrics: ExtractorMetrics, *, max_input_bytes: int) -> None:
        self._control = control
        self._metrics = metrics
        self._max_input_bytes = max_input_bytes
        self._plans = Plans()
        # Replaced and never changed, for describe reads it from another thread.
        self._passed: Mapping[tuple[str, int], int] = {}

    @property
    def topics(self) -> Sequence[str]:
        """The topics that it reads."""
        return (REQUESTS,)

    def on_assign(self, partitions: Collection[int], now: Now) -> None:
        """Prepare nothing: what a partition needs is in its records and in the control state."""

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Return an input, or a dead letter, for each of *records*."""
        outcomes: Counter[tuple[str, Outcome]] = Counter()
        sends = each_by_itself(
            records,
            lambda record: (self._on_record(record, now, outcomes),),
            service=ExtractorSettings.service,
        )
        self._metrics.count(outcomes)
        return sends

    def on_time(self, now: Now) -> Sequence[Send]:  # noqa: ARG002 - as Handler has it
        """Do nothing: nothing is ever due."""
        return ()

    def next_time(self) -> int | None:
        """Return None: only records wake it."""
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Return {}: a record is done with when its input is acknowledged."""
        return {}

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - as Handler has it
        """Report *partitions* no longer: what passes them is another process's to say."""
        self._passed = {at: revision for at, revision in self._passed.items() if at[1] not in partitions}

    def describe(self, status: Status) -> None:
        """Write into *status* which revision passed on which partition; any thread may call it."""
        for (route, partition), revision in self._passed.items():
            status.passed.append(Passed(route=route, partition=partition, revision=revision))

    def _on_record(self, record: Record, now: Now, outcomes: Counter[tuple[str, Outcome]]) -> Send:
        try:
            request = read_request(record)
        except UnreadableError as error:
            outcomes["", Outcome.DEAD_LETTER] += 1
            return dead_letter(record, error, service=ExtractorSettings.service)
        plan = self._plans.current(self._control.state, request.route)
        stamped = stamp(
            record, request, plan, now, max_bytes=self._max_input_bytes, pin_problem=self._pin_problem
        )
        route = plan.route if plan else ""
        outcomes[route, stamped.outcome] += 1
        if stamped.future:
            outcomes[route, Outcome.FUTURE_STAMP] += 1
        if plan:
            self._pass(plan.route, record.partition(), plan.revision)
        return Send(INPUTS, record.partition(), request.id.encode(), stamped.value, trace_headers(record))

    def _pin_problem(self, plan: Plan, model: str) -> str:
        state = self._control.state
        revision = state.revision(plan.route, plan.revision)
        return pin_problem(state, revision.route, model) if revision else ""

    def _pass(self, route: str, partition: int, revision: int) -> None:
        if self._passed.get((route, partition), 0) < revision:
            self._passed = {**self._passed, (route, partition): revision}
