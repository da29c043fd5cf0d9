"""The control log as it was written: who asked for what, when, and what became of it."""

from collections.abc import Callable
from dataclasses import dataclass

from confluent_kafka import Message
from rendezvous_contracts.topics import CONTROL
from rendezvous_control.envelope import Verifier, open_record
from rendezvous_control.errors import ControlError
from rendezvous_control.fold import fold_record
from rendezvous_control.state import Refused, State
from scoring.v1.control_pb2 import Control

from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader


@dataclass(frozen=True, slots=True)
class Entry:
    """
    One record of the control log.

    *at_us*: its own stamp, microseconds since the epoch. *message*: None where it is none; without the bytes
    of an artifact. *refused*: why it changed nothing, if so. *signed*: whether it came with a signature; only
    a key ring tells a forged one.
    """

    offset: int
    at_us: int
    message: Control | None
    signed: bool
    refused: Refused | None


@dataclass(frozen=True, slots=True)
class Bound:
    """
    How far to read: up to and with *offset*, or what was written up to *at_us*, or without either, all.

    *at_us* is in microseconds since the epoch.
    """

    offset: int | None = None
    at_us: int | None = None

    def holds(self, offset: int, at_us: int) -> bool:
        """Return whether a record is within the bound."""
        return (self.offset is None or offset <= self.offset) and (self.at_us is None or at_us <= self.at_us)


EVERYTHING = Bound()


def read_log(
    kafka: Kafka, keys: Verifier | None = None, until: Bound = EVERYTHING
) -> tuple[State, list[Entry]]:
    """Return the state after all records within *until*, and these records."""
    entries: list[Entry] = []
    state = _fold(kafka, keys, until, entries.append)
    return state, entries


def read_state_at(kafka: Kafka, until: Bound, keys: Verifier | None = None) -> State:
    """Return the state after all records within *until*."""
    return _fold(kafka, keys, until, None)


def _fold(kafka: Kafka, keys: Verifier | None, until: Bound, note: Callable[[Entry], None] | None) -> State:
    state = State()
    with TopicReader(kafka, CONTROL) as reader:
        for record in reader.catch_up():
            at_us = _stamp_us(record)
            offset = record.offset() or 0
            if not until.holds(offset, at_us):
                break
            state, refused = fold_record(state, record.value(), offset, keys)
            if note is not None:
                note(read_entry(record.value(), offset, at_us, refused))
    return state


def read_entry(value: bytes | None, offset: int, at_us: int, refused: Refused | None) -> Entry:
    """Return what the record *value* at *offset* says."""
    try:
        opened = open_record(value or b"")
    except ControlError:
        return Entry(offset, at_us, None, signed=False, refused=refused)
    message = opened.message
    if message.WhichOneof("change") in {"add_model", "update_model"}:
        getattr(message, message.WhichOneof("change") or "").model.artifact.ClearField("data")
    return Entry(offset, at_us, message, signed=bool(opened.signature), refused=refused)


def _stamp_us(record: Message) -> int:
    return int(record.timestamp()[1] * 1000)
