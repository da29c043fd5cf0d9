"""All that a program can do over Kafka, in one object: ask, report, change, read, follow."""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from rendezvous_contracts.changes import Change
from rendezvous_contracts.topics import OUTCOMES
from rendezvous_control.envelope import Verifier
from rendezvous_control.state import State
from scoring.v1.answer_pb2 import Answer
from scoring.v1.decision_pb2 import Decision

from rendezvous_client.answers import Answered
from rendezvous_client.asking import Asker, Reply
from rendezvous_client.closing import Closing
from rendezvous_client.control import ControlPublisher, ControlReader, MessageSigner, new_control
from rendezvous_client.errors import RefusedError
from rendezvous_client.following import Followed, follow_answers, follow_decisions
from rendezvous_client.kafka import Kafka
from rendezvous_client.log import Bound, read_state_at
from rendezvous_client.outcomes import Outcome, to_outcome
from rendezvous_client.questions import Question, partition_of
from rendezvous_client.status import Acknowledged, Heard, read_status, wait_applied
from rendezvous_client.writing import TopicWriter


@dataclass(frozen=True, slots=True)
class Changed:
    """
    A control message that is in the log at *offset*.

    *unchanged*: why there was nothing to change, or empty. *acknowledged*: who has applied it.
    """

    offset: int
    unchanged: str
    acknowledged: Acknowledged


class Client(Closing):
    """
    Everything over Kafka, from any thread; close it.

    *kafka*: where the broker is, HOST:PORT or with more to say. *keys*: whose signatures count; *signer*:
    signs what is published. Nothing is connected before it is needed.
    """

    def __init__(
        self, kafka: Kafka | str, *, keys: Verifier | None = None, signer: MessageSigner | None = None
    ) -> None:
        self.kafka = Kafka(kafka) if isinstance(kafka, str) else kafka
        self._keys = keys
        self._signer = signer
        self._held = ExitStack()
        self._guard = threading.RLock()
        self._asker: Asker | None = None
        self._publisher: ControlPublisher | None = None
        self._writer: TopicWriter | None = None
        self._control: ControlReader | None = None

    def close(self) -> None:
        """Let go of the broker."""
        with self._guard:
            self._held.close()

    # The stream

    def ask(self, question: Question, *, timeout_s: float = 10.0) -> Answered:
        """Return the answer to *question*; raises TimedOutError if none comes in *timeout_s* seconds."""
        return self._ask().ask(question, timeout_s=timeout_s)

    def submit(self, question: Question) -> Reply:
        """Ask *question* and return its answer to come, a future."""
        return self._ask().submit(question)

    def ask_all(self, questions: Iterable[Question], *, timeout_s: float = 10.0) -> Iterator[Answered]:
        """Yield the answers to *questions* as they come: see Asker.ask_all."""
        return self._ask().ask_all(questions, timeout_s=timeout_s)

    def send_outcome(self, outcome: Outcome, *, partition: int | None = None) -> int:
        """
        Report *outcome*; return the partition that it went to.

        *partition*: of the answer, as Answered has it. Without, it is where a question asked over Kafka goes.
        """
        message = to_outcome(outcome, time.time_ns() // 1000)
        writer = self._write()
        if partition is None:
            partition = partition_of(message.request_id, writer.partitions(OUTCOMES))
        writer.write(OUTCOMES, message.SerializeToString(), message.request_id, partition)
        return partition

    def follow_answers(
        self, *, from_beginning: bool = False, idle_s: float | None = None
    ) -> Iterator[Followed[Answer]]:
        """Return answers as they are given, from this call on: see follow."""
        return follow_answers(self.kafka, from_beginning=from_beginning, idle_s=idle_s)

    def follow_decisions(
        self, *, from_beginning: bool = False, idle_s: float | None = None
    ) -> Iterator[Followed[Decision]]:
        """Return decisions as they are written, from this call on: see follow."""
        return follow_decisions(self.kafka, from_beginning=from_beginning, idle_s=idle_s)

    # The control log

    def change(
        self,
        change: Change,
        author: str,
        *,
        reason: str = "",
        expected_revision: int | None = None,
        timeout_s: float = 30.0,
    ) -> Changed:
        """
        Publish *change* in the name of *author* and wait until every live service has applied it.

        Raises RefusedError if the log refuses it, and TimedOutError, which names who has not got there: it
        stays published then.
        """
        message = new_control(change, author, reason=reason, expected_revision=expected_revision)
        offset = self._publish().publish(message)
        with self._guard:
            reader = self._read()
            reader.catch_up()
            refused = reader.refused.get(offset)
        if refused is not None and not refused.unchanged:
            raise RefusedError(refused.reason)
        acknowledged = self.wait_applied(offset, timeout_s)
        return Changed(offset, refused.reason if refused else "", acknowledged)

    def wait_applied(self, offset: int, timeout_s: float = 30.0) -> Acknowledged:
        """Wait until every live service has folded control *offset*: see StatusReader.wait_applied."""
        return wait_applied(self.kafka, offset, timeout_s)

    def state(self, until: Bound | None = None) -> State:
        """Return what the control log folds to: now, or *until* an offset or a time."""
        if until is not None:
            return read_state_at(self.kafka, until, self._keys)
        with self._guard:
            return self._read().catch_up()

    def status(self) -> dict[str, Heard]:
        """Return the newest word of each instance of a service, by its name."""
        return read_status(self.kafka)

    # What is held

    def _ask(self) -> Asker:
        with self._guard:
            if self._asker is None:
                self._asker = self._held.enter_context(Asker(self.kafka))
            return self._asker

    def _publish(self) -> ControlPublisher:
        with self._guard:
            if self._publisher is None:
                self._publisher = self._held.enter_context(ControlPublisher(self.kafka, self._signer))
            return self._publisher

    def _write(self) -> TopicWriter:
        with self._guard:
            if self._writer is None:
                self._writer = self._held.enter_context(TopicWriter(self.kafka))
            return self._writer

    def _read(self) -> ControlReader:
        with self._guard:
            if self._control is None:
                self._control = self._held.enter_context(ControlReader(self.kafka, self._keys))
            return self._control
