"""The head of the stream: each request becomes an input under its route's current revision. Pure."""

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from google.protobuf.message import DecodeError
from rendezvous_contracts.topics import INPUTS, REQUESTS
from rendezvous_control.build_changes import EXTRACTOR, RENDEZVOUS
from rendezvous_control.pins import pin_problem
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.dead_letters import dead_letter, each_by_itself
from rendezvous_runtime.stream import RECENT, Record, Send, TopicPartition
from scoring.v1.input_pb2 import InputHead
from scoring.v1.status_pb2 import Passed, Status

from rendezvous_feature_extractor.head import Head, Succession, Turn
from rendezvous_feature_extractor.inputs import Builds, Stamped, stamp
from rendezvous_feature_extractor.metrics import ExtractorMetrics, Outcome
from rendezvous_feature_extractor.plans import Plan, Plans
from rendezvous_feature_extractor.settings import ExtractorSettings
from rendezvous_feature_extractor.wire import Asked, RequestReader, UnreadableError, trace_headers

# Requests that wait to be known as stamped by another build: with so many, no more are read.
_MOST_HELD: Final = 50_000
# How often to look whether what is held back can go on, as long as there is any.
_LOOK_US: Final = 2_000
_Outcomes = Counter[tuple[str, Outcome]]


class Partition:
    """One partition: its head, and the requests read of which it is not known yet who stamps them."""

    __slots__ = ("head", "held")

    def __init__(self, head: Head) -> None:
        self.head = head
        self.held: deque[Record] = deque()


class FeatureExtractor:
    """
    The Handler of the feature-extractor: from `requests` to the same partition of `inputs`, one for one.

    It keeps nothing between records but the plans of the routes, the newest revision that it stamped on each
    partition, and who stamps there next. The revision never goes back: the control state only moves forward,
    and a process that starts folds all of the control log before it reads.
    """

    tail_topic: str = INPUTS
    recovery_window_us: int | None = None

    def __init__(
        self, control: ControlView, metrics: ExtractorMetrics, *, max_input_bytes: int, build: str = ""
    ) -> None:
        self._control = control
        self._metrics = metrics
        self._max_input_bytes = max_input_bytes
        self._build = build
        self._plans = Plans()
        self._reader = RequestReader()
        self._succession = Succession(build)
        self._looked_at = 0
        self._partitions: dict[int, Partition] = {}
        # Replaced and never changed, for describe reads them from another thread.
        self._passed: Mapping[tuple[str, int], int] = {}
        self._numbers: Sequence[int] = ()
        self._speaks_on: Sequence[int] = ()

    @property
    def topics(self) -> Sequence[str]:
        """The topics that it reads."""
        return (REQUESTS,)

    @property
    def recovery_topic(self) -> str:
        """Its own output, whose last word says who stamps next; nothing where there is only one build."""
        return INPUTS if self._build or EXTRACTOR in self._control.state.builds else ""

    def start_offset(self, _: TopicPartition) -> int | None:
        """Begin where the group is; a build that is new, with what may still be open."""
        return RECENT if self._build else None

    def on_assign(self, partitions: Collection[int], now: Now) -> None:
        """Begin *partitions*; who stamps there is read back, or nobody but the default build ever did."""
        for number in partitions:
            self._partitions[number] = Partition(Head(self._build))
        self._look_at_builds(now)
        self._tell()

    def on_recovered(self, records: Sequence[Record], now: Now) -> None:  # noqa: ARG002 - as the protocol has it
        """Learn from the last inputs who stamps next."""
        self._see(records)
        for partition in self._partitions.values():
            partition.head.named(self._succession.entry)
        self._tell()

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Return an input, or a dead letter, for each of *records* that is this build's to stamp."""
        self._look_at_builds(now)
        outcomes: _Outcomes = Counter()
        sends = each_by_itself(
            records,
            lambda record: self._on_record(record, now, outcomes),
            service=ExtractorSettings.service,
        )
        self._metrics.count(outcomes)
        return sends

    def on_tail(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Learn what other builds have stamped, and go on where they have handed over."""
        self._see(records)
        return self._take_up(now)

    def on_time(self, now: Now) -> Sequence[Send]:
        """Go on with what was held back, where that was waiting for the control log."""
        news = self._look_at_builds(now)
        return self._take_up(now) if news or self._holds() else ()

    def next_time(self) -> int | None:
        """Return when to look again: never while all that was read is stamped, and no build is news."""
        if self._holds() or self._control.state.builds.get(EXTRACTOR) is not self._succession.entry:
            return self._looked_at + _LOOK_US
        return None

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Return the first request held back; a record is done with when its input is acknowledged."""
        return {
            TopicPartition(REQUESTS, number): partition.held[0].offset()
            for number, partition in self._partitions.items()
            if partition.held
        }

    def saturated(self) -> Collection[str]:
        """Return its topic while too much is held back."""
        held = sum(len(partition.held) for partition in self._partitions.values())
        return (REQUESTS,) if held >= _MOST_HELD else ()

    def tailed(self) -> Collection[int]:
        """Return the partitions on which another build stamps."""
        if not self._build and self._succession.entry is None:
            return ()
        return [number for number, each in self._partitions.items() if each.head.holder != self._build]

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - as Handler has it
        """Report *partitions* no longer: what passes them is another process's to say."""
        self._passed = {at: revision for at, revision in self._passed.items() if at[1] not in partitions}
        for number in partitions:
            self._partitions.pop(number, None)
        self._tell()

    def describe(self, status: Status) -> None:
        """Write into *status* which revision passed on which partition; any thread may call it."""
        for (route, partition), revision in self._passed.items():
            status.passed.append(Passed(route=route, partition=partition, revision=revision))
        status.build = self._build
        status.partitions.extend(self._numbers)
        status.speaks_on.extend(self._speaks_on)

    def _look_at_builds(self, now: Now) -> bool:
        """Hear which build is to speak; return whether that is news."""
        self._looked_at = now.mono
        if not self._succession.heard(self._control.state.builds.get(EXTRACTOR), now.mono):
            return False
        for partition in self._partitions.values():
            partition.head.named(self._succession.entry)
        self._tell()
        return True

    def _see(self, records: Iterable[Record]) -> None:
        for record in records:
            partition = self._partitions.get(record.partition())
            try:
                head = InputHead.FromString(record.value() or b"")
            except DecodeError:
                continue  # who reads inputs makes dead letters of it
            if partition is not None and head.id:
                partition.head.saw(head)

    def _holds(self) -> bool:
        return any(partition.held for partition in self._partitions.values())

    def _take_up(self, now: Now) -> Sequence[Send]:
        """Stamp what was held back and is ours, and forget what others have stamped."""
        sends: list[Send] = []
        outcomes: _Outcomes = Counter()
        folded = self._control.state.next_offset
        for partition in self._partitions.values():
            while partition.held:
                turn = partition.head.turn(partition.held[0].offset(), folded)
                if turn is Turn.HELD:
                    break
                record = partition.held.popleft()
                if turn is Turn.MINE:
                    sends += each_by_itself(
                        [record],
                        lambda each: (self._stamp(each, now, outcomes),),
                        service=ExtractorSettings.service,
                    )
        self._metrics.count(outcomes)
        self._tell()
        return sends

    def _on_record(self, record: Record, now: Now, outcomes: _Outcomes) -> Sequence[Send]:
        partition = self._partitions[record.partition()]
        turn = Turn.HELD
        if not partition.held:
            turn = partition.head.turn(record.offset(), self._control.state.next_offset)
        if turn is Turn.HELD:
            partition.held.append(record)
        return (self._stamp(record, now, outcomes),) if turn is Turn.MINE else ()

    def _stamp(self, record: Record, now: Now, outcomes: _Outcomes) -> Send:
        head = self._partitions[record.partition()].head
        try:
            request = self._reader.read(record)
        except UnreadableError as error:
            outcomes["", Outcome.DEAD_LETTER] += 1
            return dead_letter(record, error, service=ExtractorSettings.service)
        successor = self._succession.successor(now.mono)
        stamped, plan = self._make(record, request, now, successor)
        head.stamped(record.offset(), successor)
        if successor != self._build:
            self._tell()
        route = plan.route if plan else ""
        outcomes[route, stamped.outcome] += 1
        if stamped.future:
            outcomes[route, Outcome.FUTURE_STAMP] += 1
        if plan:
            self._pass(plan.route, record.partition(), plan.revision)
        return Send(INPUTS, record.partition(), request.id.encode(), stamped.value, trace_headers(record))

    def _make(self, record: Record, request: Asked, now: Now, successor: str) -> tuple[Stamped, Plan | None]:
        # One state for all that an input says of it.
        state = self._control.state
        plan = self._plans.current(state, request.route)
        builds = Builds(
            state.build(RENDEZVOUS), successor, state.next_offset if successor != self._build else 0
        )
        problem = ""
        if plan and request.model:
            revision = state.revision(plan.route, plan.revision)
            problem = pin_problem(state, revision.route, request.model) if revision else ""
        stamped = stamp(
            record,
            request,
            plan,
            now,
            max_bytes=self._max_input_bytes,
            pin_problem=problem,
            builds=builds,
        )
        return stamped, plan

    def _pass(self, route: str, partition: int, revision: int) -> None:
        if self._passed.get((route, partition), 0) < revision:
            self._passed = {**self._passed, (route, partition): revision}

    def _tell(self) -> None:
        """Note for describe which partitions there are, and on which this build stamps."""
        self._numbers = sorted(self._partitions)
        self._speaks_on = [
            number for number in self._numbers if self._partitions[number].head.holder == self._build
        ]
