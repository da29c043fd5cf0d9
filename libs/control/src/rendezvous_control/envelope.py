"""How a control message lies in its record: by itself, or as the bytes that were signed."""

from dataclasses import dataclass
from typing import Protocol

from google.protobuf.message import DecodeError
from scoring.v1.control_pb2 import Control

from rendezvous_control.errors import ControlError


@dataclass(frozen=True, slots=True)
class Opened:
    """A message, and if it is signed, the bytes that were, and their signature."""

    message: Control
    signed: bytes = b""
    signature: bytes = b""


class Verifier(Protocol):
    """Who knows whose signatures count."""

    def check(self, opened: Opened, offset: int) -> None:
        """Raise ControlError unless the message, read at *offset*, is signed by its author."""
        ...


def open_record(value: bytes) -> Opened:
    """Return the message that the record *value* holds; raises ControlError if it holds none."""
    message = _decode(value)
    if not message.HasField("signed"):
        return Opened(message)
    if message != Control(signed=message.signed):
        raise ControlError("a signed message says something beside what is signed: leave it out")
    envelope = message.signed
    inner = _decode(envelope.control)
    if inner.HasField("signed"):
        raise ControlError("a signed message holds another one: sign it once")
    return Opened(inner, envelope.control, envelope.signature)


def _decode(value: bytes) -> Control:
    try:
        return Control.FromString(value)
    except DecodeError as error:
        raise ControlError(f"not a Control message: {error}") from error
