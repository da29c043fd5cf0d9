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

from rendezvous_cli.options import control_keys, signer
from rendezvous_cli.terminal import busy, note

UNCHANGED = "unchanged"
REFUSED = "refused"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Submitted:
    """What became of a change: done, unchanged or refused, why, and the offset of its message, if any."""

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

    def submit(self, change: Change, expected: int | None = None) -> Submitted:
        """
        Publish *change* if it changes something that can be changed, and say what became of it.

        The fold is asked first, here, so that what is refused or unchanged costs no message; and again after
        publishing, for somebody else may have been faster.
        """
        message = new_control(change, self.author, reason=self.reason, expected_revision=expected)
        state = self.reader.state
        if self.signer is not None:
            message = self.signer.sign(message)
        _, refused = fold_record(state, message.SerializeToString(), state.next_offset, self.keys)
        if refused is not None:
            return Submitted(UNCHANGED if refused.unchanged else REFUSED, refused.reason)
        offset = self.publisher.publish(message)
        self.reader.catch_up()
        if offset in self.reader.refused:
            return Submitted(REFUSED, self.reader.refused[offset].reason, offset)
        return Submitted(DONE, "", offset)


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
