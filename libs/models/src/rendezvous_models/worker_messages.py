"""
What a process and the workers that score for it say to each other over a socket.

Frames of a kind and a length; inside, protobuf messages and JSON. A worker that has gone wild can send
garbage, and nothing here executes or trusts it.
"""

import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from rendezvous_contracts.errors import BadValueError
from rendezvous_contracts.fields_codec import FieldsReader, FieldsWriter
from rendezvous_contracts.values import Plain, to_value
from scoring.v1.control_pb2 import Model

from rendezvous_models.contract import Answer, Failure, Metadata, Outputs, Row, RuntimeOptions

MAX_BYTES: Final = 1 << 28
_FRAME: Final = struct.Struct("!BI")
_LENGTH: Final = struct.Struct("!I")
_TIME: Final = struct.Struct("!Q")
_READ: Final = 1 << 18
_SAID, _FAILED = b"+", b"-"


class Kind(IntEnum):
    """What a frame holds."""

    LOAD = 1
    LOADED = 2
    REFUSED = 3
    ROWS = 4
    OUTPUTS = 5


class BrokenChannelError(Exception):
    """Nothing more can be said or heard: the other side is gone, or speaks no frames."""


class Channel:
    """One end of a stream of frames; deadlines are times of time.monotonic, None waits for ever."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._buffer = bytearray()

    def send(self, kind: Kind, body: bytes, deadline: float | None = None) -> None:
        """Send a frame; raises BrokenChannelError, also where not all of it is taken in time."""
        self._socket.settimeout(_left(deadline))
        try:
            self._socket.sendall(_FRAME.pack(kind, len(body)) + body)
        except TimeoutError as error:
            raise BrokenChannelError("it does not take what it is sent") from error
        except OSError as error:
            raise BrokenChannelError(str(error)) from error

    def receive(self, deadline: float | None = None) -> tuple[Kind, bytes]:
        """Return the next frame; raises BrokenChannelError, or TimeoutError and can be called again."""
        kind, length = _FRAME.unpack(self._peek(_FRAME.size, deadline))
        if length > MAX_BYTES or kind not in set(Kind):
            raise BrokenChannelError("it sends what is no frame")
        body = self._peek(_FRAME.size + length, deadline)[_FRAME.size :]
        del self._buffer[: _FRAME.size + length]
        return Kind(kind), body

    def close(self) -> None:
        """Say and hear nothing more."""
        self._socket.close()

    def _peek(self, size: int, deadline: float | None) -> bytes:
        while len(self._buffer) < size:
            self._socket.settimeout(_left(deadline))
            try:
                chunk = self._socket.recv(_READ)
            except BlockingIOError as error:
                raise TimeoutError from error
            except TimeoutError:
                raise
            except OSError as error:
                raise BrokenChannelError(str(error)) from error
            if not chunk:
                raise BrokenChannelError("it has closed its end")
            self._buffer += chunk
        return bytes(self._buffer[:size])


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())


class LoadOrder(NamedTuple):
    """What a worker is to load."""

    descriptor: Model
    options: RuntimeOptions
    artifact: Path

    def to_bytes(self) -> bytes:
        """Return the order without the artifact's bytes, which are in the file."""
        descriptor = Model()
        descriptor.CopyFrom(self.descriptor)
        descriptor.artifact.ClearField("data")
        said = {**self.options._asdict(), "artifact": self.artifact}
        return _join((descriptor.SerializeToString(), json.dumps(said, default=str).encode()))

    @classmethod
    def from_bytes(cls, body: bytes) -> "LoadOrder":
        """Return what to_bytes wrote."""
        descriptor, text = _split(body)
        said = json.loads(text)
        artifact = Path(said.pop("artifact"))
        for name in ("remote_secrets", "remote_configs"):
            said[name] = Path(said[name]) if said[name] else None
        said["remote_hosts"] = tuple(said["remote_hosts"])
        return cls(Model.FromString(descriptor), RuntimeOptions(**said), artifact)


def metadata_to_bytes(metadata: Metadata) -> bytes:
    """Return *metadata* as a worker sends it."""
    return Model(inputs=metadata.inputs, outputs=metadata.outputs).SerializeToString()


def metadata_from_bytes(body: bytes) -> Metadata:
    """Return what metadata_to_bytes wrote; raises BrokenChannelError."""
    try:
        said = Model.FromString(body)
    except DecodeError as error:
        raise BrokenChannelError("it sends what is no metadata") from error
    return Metadata(tuple(said.inputs), tuple(said.outputs))


def refusal_to_bytes(reason: str, *, passing: bool) -> bytes:
    """Return why a model was not loaded, and whether that can pass."""
    return json.dumps([reason, passing]).encode()


def refusal_from_bytes(body: bytes) -> tuple[str, bool]:
    """Return what refusal_to_bytes wrote; raises BrokenChannelError."""
    try:
        reason, passing = json.loads(body)
    except (ValueError, TypeError, RecursionError) as error:
        raise BrokenChannelError("it sends what is no refusal") from error
    return str(reason), bool(passing)


def rows_to_bytes(rows: Sequence[Row], budget_us: int) -> bytes:
    """
    Return *rows*, and for how long their scores are waited for.

    A value that does not travel, such as NaN, is left out: it is of a field that the model does not declare.
    """
    write = FieldsWriter().write
    return _TIME.pack(max(0, budget_us)) + _join(_row_to_bytes(row, write) for row in rows)


def _row_to_bytes(row: Row, write: Callable[[Row], bytes]) -> bytes:
    try:
        return write(row)
    except BadValueError:
        return write({name: value for name, value in row.items() if _travels(value)})


def _travels(value: Plain) -> bool:
    try:
        to_value(value)
    except BadValueError:
        return False
    return True


def rows_from_bytes(body: bytes) -> tuple[list[Row], int]:
    """Return what rows_to_bytes wrote."""
    (budget_us,) = _TIME.unpack_from(body)
    read = FieldsReader().read
    rows: list[Row] = [read(part) for part in _split(body[_TIME.size :])]
    return rows, budget_us


def answer_to_bytes(answer: Answer) -> bytes:
    """Return *answer*; outputs that do not travel, such as NaN, become failures."""
    write = FieldsWriter().write
    parts = (_prediction_to_bytes(each, write) for each in answer.predictions)
    return _TIME.pack(max(0, answer.took_us)) + _join(parts)


def answer_from_bytes(body: bytes) -> Answer:
    """Return what answer_to_bytes wrote; raises BrokenChannelError."""
    read = FieldsReader().read
    try:
        (took_us,) = _TIME.unpack_from(body)
        predictions: list[Outputs | Failure] = [
            read(part[1:]) if part[:1] == _SAID else Failure(part[1:].decode(errors="replace"))
            for part in _split(body[_TIME.size :])
        ]
    except (DecodeError, struct.error) as error:
        raise BrokenChannelError("it sends what are no outputs") from error
    return Answer(predictions, took_us)


def _prediction_to_bytes(prediction: Outputs | Failure, write: Callable[[Outputs], bytes]) -> bytes:
    if isinstance(prediction, Failure):
        return _FAILED + prediction.reason.encode(errors="replace")
    try:
        return _SAID + write(prediction)
    except BadValueError as error:
        return _FAILED + f"the model's output cannot be sent: {error}".encode(errors="replace")


def _join(parts: Iterable[bytes]) -> bytes:
    return b"".join(piece for part in parts for piece in (_LENGTH.pack(len(part)), part))


def _split(body: bytes) -> list[bytes]:
    parts, place = [], 0
    while place < len(body):
        (length,) = _LENGTH.unpack_from(body, place)
        place += _LENGTH.size
        parts.append(body[place : place + length])
        place += length
    return parts
