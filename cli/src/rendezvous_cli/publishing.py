"""Publishing one change after the other: each is tried here first, and what became of it is told."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rendezvous_client.control import ControlPublisher, ControlReader, MessageSigner, new_control
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import wait_applied
from rendezvous_contracts.changes import Change
from rendezvous_control.envelope import Verifier
from rendezvous_control.fold import fold_record
from rendezvous_control.state import State
from scoring.v1.control_pb2 import Control

from rendezvous_cli.options import control_keys, signer
from rendezvous_cli.terminal import busy, note

UNCHANGED = "unchanged"
REFUSED = "refused"
DONE = "done"
POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a change, why, and the offset of its message, if one was published."""

    result: str
    detail: str = ""
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Submitter:
    """
    Publishes changes in the name of *author*; *reader* has caught up.

    *signer*: signs them. *keys*: whose signatures count.
    """

    reader: ControlReader
    publisher: ControlPublisher
    author: str
    reason: str
    signer: MessageSigner | None = None
    keys: Verifier | None = None

    @property
    def state(self) -> State:
        """What the log says, with all that was published here."""
        return self.reader.state

    def attempt(self, change: Change, expected: int | None = None) -> Submitted:
        """Say what would become of *change*, and publish nothing."""
        return self._tried(self._signed(self._message(change, expected))) or Submitted(POSSIBLE)

    def submit(self, change: Change, expected: int | None = None) -> Submitted:
        """
        Publish *change* if it changes something that can be changed, and say what became of it.

        The fold is asked first, here, so that what is refused or unchanged costs no message; and again after
        publishing, for somebody else may have been faster.
        """
        return self.offer(self._message(change, expected))

    def offer(self, message: Control) -> Submitted:
        """Publish *message* as submit does; a signer signs it before."""
        message = self._signed(message)
        tried = self._tried(message)
        if tried is not None:
            return tried
        offset = self.publisher.publish(message)
        self.reader.catch_up()
        if offset in self.reader.refused:
            return Submitted(REFUSED, self.reader.refused[offset].reason, offset)
        return Submitted(DONE, "", offset)

    def _message(self, change: Change, expected: int | None) -> Control:
        return new_control(change, self.author, reason=self.reason, expected_revision=expected)

    def _signed(self, message: Control) -> Control:
        return self.signer.sign(message) if self.signer is not None else message

    def _tried(self, message: Control) -> Submitted | None:
        """Return why *message* would change nothing; None if it would."""
        state = self.reader.state
        _, refused = fold_record(state, message.SerializeToString(), state.next_offset, self.keys)
        if refused is None:
            return None
        return Submitted(UNCHANGED if refused.unchanged else REFUSED, refused.reason)


@contextmanager
def submitting(kafka: Kafka, author: str, reason: str) -> Iterator[Submitter]:
    """Enter with the control log read, ready to publish in the name of *author*."""
    keys, by = control_keys(), signer()
    with ControlReader(kafka, keys) as reader, ControlPublisher(kafka) as publisher:
        with busy("reading the control log"):
            reader.catch_up()
        yield Submitter(reader, publisher, author, reason, by, keys)


def wait_for_services(kafka: Kafka, offset: int, timeout_s: float) -> None:
    """Wait until every live service has folded *offset*, and say how many did and who refused it."""
    with busy("waiting for the services"):
        acknowledged = wait_applied(kafka, offset, timeout_s)
    count = len(acknowledged.instances)
    note(f"acknowledged by {count} services" if count else "no service is up: each applies it when it starts")
    for instance, why in acknowledged.refusals.items():
        note(f"refused by {instance}: {why}", style="yellow")
