"""Bytes of the topic status to what an instance says."""

from google.protobuf.message import DecodeError
from rendezvous_runtime.stream import Record
from scoring.v1.status_pb2 import Status


def read_status(record: Record) -> Status | None:
    """Return what *record* says, or None where it says nothing that can be read."""
    try:
        status = Status.FromString(record.value() or b"")
    except DecodeError:
        return None
    return status if status.instance else None
