"""The control log, for programs: publish changes, and read the state that they fold to."""

import time
import uuid
from typing import Protocol

from rendezvous_contracts.changes import Change, put_change
from rendezvous_contracts.topics import CONTROL
from rendezvous_control.envelope import Verifier
from rendezvous_control.fold import fold_record
from rendezvous_control.state import Refused, State
from scoring.v1.control_pb2 import Control

from rendezvous_client.closing import Closing
from rendezvous_client.errors import TooLargeError
from rendezvous_client.kafka import MAX_RECORD_BYTES, Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_client.writing import TopicWriter


class ControlReader(Closing):
    """
    Folds the control log as far as it has been written; close it.

    *state* is what it says, *refused* (by offset) what changed nothing and why: as of the last catch_up.
    *keys*: whose signatures count, as for the services; without, nobody looks at signatures.
    """

    def __init__(self, kafka: Kafka, keys: Verifier | None = None) -> None:
        self.state = State()
        self.refused: dict[int, Refused] = {}
        self._keys = keys
        self._reader = TopicReader(kafka, CONTROL)

    def close(self) -> None:
        """Let go of the broker."""
        self._reader.close()

    def catch_up(self) -> State:
        """Fold all that was written before this call; return the state."""
        for message in self._reader.catch_up():
            self.state, refused = fold_record(self.state, message.value(), message.offset(), self._keys)
            if refused is not None:
                self.refused[refused.offset] = refused
        return self.state


def read_state(kafka: Kafka, keys: Verifier | None = None) -> State:
    """Return the state that the control log folds to now."""
    with ControlReader(kafka, keys) as reader:
        return reader.catch_up()


def new_control(
    change: Change,
    author: str,
    *,
    reason: str = "",
    expected_revision: int | None = None,
    control_id: str = "",
) -> Control:
    """
    Return the message by which *author* asks for *change* now.

    *expected_revision*: the route's revision that the author saw; another one and the message is refused.
    *control_id*: to repeat a message without repeating its effect; a new one unless given.
    """
    message = Control(
        id=control_id or uuid.uuid4().hex,
        author=author,
        at_us=time.time_ns() // 1000,
        reason=reason,
        expected_revision=expected_revision,
    )
    put_change(message, change)
    return message


class MessageSigner(Protocol):
    """Who signs in the name of the author."""

    def sign(self, message: Control) -> Control:
        """Return *message* in an envelope, signed."""
        ...


class ControlPublisher(Closing):
    """Writes to the control log, from any thread; close it. *signer*: signs all that it writes."""

    def __init__(self, kafka: Kafka, signer: MessageSigner | None = None) -> None:
        self._signer = signer
        self._writer = TopicWriter(kafka)

    def close(self) -> None:
        """Let go of the broker; nothing is under way, for publish waits."""
        self._writer.close()

    def publish(self, message: Control) -> int:
        """Append *message* and return its offset once it is safe. Whether it is applied, the fold says."""
        value = (self._signer.sign(message) if self._signer else message).SerializeToString()
        if len(value) > MAX_RECORD_BYTES:
            raise TooLargeError(
                f"the message has {len(value)} bytes and brokers take {MAX_RECORD_BYTES}: "
                "name the artifact by its location instead"
            )
        return self._writer.write(CONTROL, value, message.id, 0)
