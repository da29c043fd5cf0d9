"""The Handler of the rendezvous: an engine for each partition; records in, answers and decisions out."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from rendezvous_contracts.topics import ANSWERS, DECISIONS, INPUTS, SCORES
from rendezvous_control.build_changes import RENDEZVOUS
from rendezvous_engine.engine import Limits
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.policy import Policy
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.dead_letters import dead_letter
from rendezvous_runtime.stream import RECENT, Record, Send, TopicPartition
from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreHead
from scoring.v1.status_pb2 import Passed, Status

from rendezvous_service.counting import RendezvousMetrics
from rendezvous_service.partition import Partition
from rendezvous_service.policies import PolicyBook
from rendezvous_service.settings import RendezvousSettings

CONFLICTING: Final = InputOutcome.CONFLICTING
# Looked up once: these run for every record.
read_input: Final = InputHead.FromString
read_score: Final = ScoreHead.FromString
new_send: Final = tuple.__new__


class Rendezvous:
    """Joins `inputs` with `scores`, partition by partition; writes `answers` and `decisions`."""

    topics: Sequence[str] = (INPUTS, SCORES)
    intake: Collection[str] = (INPUTS,)
    recovery_topic: str = ANSWERS
    tail_topic: str = ANSWERS
    unhurried: Collection[str] = (DECISIONS,)

    def __init__(
        self,
        control: ControlView,
        metrics: RendezvousMetrics,
        limits: Limits,
        *,
        recovery_window_us: int,
        build: str = "",
    ) -> None:
        self._build = build
        self._control = control
        self._policies = PolicyBook(control)
        self._metrics = metrics
        self._inputs, self._scores = metrics.inputs, metrics.scores
        self._limits = limits
        self.recovery_window_us: int | None = recovery_window_us
        self._partitions: dict[int, Partition] = {}
        self._held: list[str] = []
        # Replaced and never changed, for describe reads it from another thread.
        self._passed: Mapping[tuple[str, int], int] = {}
        self._numbers: Sequence[int] = ()
        self._speaks_on: Sequence[int] = ()

    def start_offset(self, _: TopicPartition) -> int | None:
        """Begin where the group is; a build that is new, with what may still be open."""
        return RECENT if self._build else None

    def on_assign(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - as Handler has it
        """Begin *partitions* empty; what was answered there is read back before their first input."""
        # Until an input says which build answers, whoever the control log names.
        speaks = self._control.state.build(RENDEZVOUS) == self._build
        for number in partitions:
            self._partitions[number] = Partition(self._policies, self._limits, self._build, speaks=speaks)
        self._tell()

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:  # noqa: ARG002 - as Handler has it
        """Forget *partitions*: their next owner reads their open requests again."""
        for number in partitions:
            self._partitions.pop(number, None)
        self._passed = {at: revision for at, revision in self._passed.items() if at[1] not in partitions}
        self._tell()

    def on_recovered(self, records: Sequence[Record], now: Now) -> None:  # noqa: ARG002 - as the protocol has it
        """Learn from `answers` what has been answered."""
        for record in records:
            key, value = record.key(), record.value()
            partition = self._partitions.get(record.partition())
            if key and value and partition:
                partition.engine.recover([(key, value)])

    def on_records(self, records: Sequence[Record], now: Now) -> Sequence[Send]:
        """Join *records*; return answers, decisions and dead letters."""
        sends: list[Send] = []
        self._look_at_policies(now)
        self._metrics.traced.look(records, INPUTS)
        for partition in self._partitions.values():
            partition.begin_batch()
        partitions = self._partitions
        for record in records:
            try:
                key, value = record.key(), record.value()
                if not key or not value:
                    sends.append(_refuse(record, "it needs its request id as key, and a value"))
                    continue
                partition = partitions[record.partition()]
                if record.topic() == SCORES:
                    self._on_score(partition, record.offset(), key, value, now)
                elif (
                    self._on_input(partition, record.offset(), key, value, now) is CONFLICTING
                    and partition.speaks  # else it is for who answers here to say
                ):
                    sends.append(_refuse(record, "another request has used this id; the first one stands"))
            except Exception as error:  # noqa: BLE001 - whatever is in one record, the next one is joined
                sends.append(_refuse(record, error))
        self._collect(sends)
        return sends

    def on_time(self, now: Now) -> Sequence[Send]:
        """Answer what is due, close what is complete."""
        self._look_at_policies(now)
        unknown = self._scores[ScoreOutcome.UNKNOWN]
        for partition in self._partitions.values():
            for early in partition.on_time(now):
                unknown[early.head.model] = unknown.get(early.head.model, 0) + 1
        sends: list[Send] = []
        self._collect(sends)
        return sends

    def next_time(self) -> int | None:
        """Return the nearest tier, deadline or closing time."""
        times = [partition.next_time() for partition in self._partitions.values()]
        return min((at for at in times if at is not None), default=None)

    def tailed(self) -> Collection[int]:
        """Return the partitions on which another build answers: what it says is followed."""
        return [number for number, each in self._partitions.items() if each.following is not None]

    def on_tail(self, records: Sequence[Record], now: Now) -> Sequence[Send]:  # noqa: ARG002 - as the protocol has it
        """Learn what another build has answered."""
        for record in records:
            key, value = record.key(), record.value()
            partition = self._partitions.get(record.partition())
            if key and value and partition and partition.following is not None:
                partition.following.on_answers([(key, value)])
        sends: list[Send] = []
        self._collect(sends)
        return sends

    def checkpoint(self) -> Mapping[TopicPartition, int]:
        """Return the offsets of the oldest open request of each partition, and of the scores it may need."""
        needed = {}
        for number, partition in self._partitions.items():
            low = partition.low_water()
            if low is not None:
                needed[TopicPartition(SCORES, number)] = low.scores_offset
                if low.input_offset >= 0:
                    needed[TopicPartition(INPUTS, number)] = low.input_offset
        return needed

    def drained(self, now: Now) -> bool:  # noqa: ARG002 - as the protocol has it
        """Return whether every request read has its answer."""
        return not any(partition.engine.unanswered() for partition in self._partitions.values())

    def saturated(self) -> Collection[str]:
        """Return the topic that runs ahead of the other by more than memory is meant for."""
        limits, held = self._limits, self._held
        inputs = scores = 0
        for partition in self._partitions.values():
            inputs = max(inputs, partition.open)
            scores = max(scores, partition.engine.early)
        # Half of what stops the reading starts it again: what was read ahead has to be fetched once more.
        most_inputs = limits.mailboxes // (2 if INPUTS in held else 1)
        most_scores = limits.early_scores // (4 if SCORES in held else 2)
        self._held = [
            topic
            for topic, number, most in ((INPUTS, inputs, most_inputs), (SCORES, scores, most_scores))
            if number >= most
        ]
        return self._held

    def describe(self, status: Status) -> None:
        """Write into *status* by which revisions was decided where, and how; any thread may call it."""
        self._metrics.report(status)
        for (route, number), revision in self._passed.items():
            status.passed.append(Passed(route=route, partition=number, revision=revision))
        status.build = self._build
        status.partitions.extend(self._numbers)
        status.speaks_on.extend(self._speaks_on)

    def _look_at_policies(self, now: Now) -> None:
        if self._policies.has_moved():
            for partition in self._partitions.values():
                partition.on_policies(now)

    def _on_input(
        self, partition: Partition, offset: int, key: bytes, value: bytes, now: Now
    ) -> InputOutcome:
        place = (offset, partition.scores_floor)
        head = read_input(value)
        if partition.following is None and head.answering_build == self._build:
            outcome = partition.engine.on_input(key, head, place, now)
        else:
            spoke = partition.speaks
            outcome = partition.on_shared_input(key, head, place, now)
            if partition.speaks != spoke:
                self._tell()
        self._inputs[outcome] += 1
        return outcome

    def _on_score(self, partition: Partition, offset: int, key: bytes, value: bytes, now: Now) -> None:
        head = read_score(value)
        if partition.following is None:
            outcome = partition.engine.on_score(key, head, value, offset, now)
        else:
            outcome = partition.following.on_score(key, head, value, offset, now)
        counts = self._scores[outcome]
        partition.next_score = offset + 1
        model = head.model
        counts[model] = counts.get(model, 0) + 1

    def _collect(self, sends: list[Send]) -> None:
        """Turn what gathered in the engines into *sends*."""
        is_open = 0
        for number, partition in self._partitions.items():
            engine = partition.engine
            is_open += partition.open
            if partition.following is not None:
                repeats = partition.following.take_repeated()
                sends += [Send(ANSWERS, number, name, answer) for name, answer in repeats]
            effects = engine.take_effects()
            if effects is None:
                continue
            # Made as plain tuples are, which takes a third of the time.
            sends += [new_send(Send, (ANSWERS, number, box.id, box.answer, None)) for box in effects.answered]
            for policy in {box.policy for box in effects.answered} - partition.seen:
                self._pass(number, partition, policy)
            sends += [Send(ANSWERS, number, name, answer) for name, answer in effects.repeated]
            sends += [
                new_send(Send, (DECISIONS, number, box.id, value, None)) for box, value, _ in effects.decided
            ]
            self._metrics.effects(effects)
        self._metrics.settle(is_open)

    def _pass(self, number: int, partition: Partition, policy: Policy | None) -> None:
        """Note that *policy* has decided for the first time on a partition."""
        partition.seen.add(policy)
        if policy and self._passed.get((policy.route, number), 0) < policy.revision:
            self._passed = {**self._passed, (policy.route, number): policy.revision}

    def _tell(self) -> None:
        """Note for describe which partitions there are, and on which this build answers."""
        self._numbers = sorted(self._partitions)
        self._speaks_on = [number for number in self._numbers if self._partitions[number].speaks]


def _refuse(record: Record, error: Exception | str) -> Send:
    return dead_letter(record, error, service=RendezvousSettings.service)
