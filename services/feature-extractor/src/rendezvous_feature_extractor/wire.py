"""Bytes to requests, and inputs to bytes."""

import re
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from rendezvous_contracts.digest import body_digest, request_body
from rendezvous_contracts.errors import BadNameError
from rendezvous_contracts.fields_codec import FieldsReader
from rendezvous_contracts.names import check_request_id
from rendezvous_contracts.values import Plain
from rendezvous_runtime.stream import Headers, Record
from scoring.v1.request_pb2 import Request, RequestFrame

_TRACE: Final = "traceparent"
_TRACE_FORM: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class UnreadableError(Exception):
    """A record of `requests` is not a request that can be answered; str() says why."""


class Asked(NamedTuple):
    """
    What one request says; *digest* tells a repeat from another question with its id.

    *fields* are encoded in the one order that a digest needs, *values* are the same by name. Times are in
    microseconds.
    """

    id: str
    route: str
    sent_at_us: int
    budget_us: int
    key: str
    model: str
    fields: bytes
    values: dict[str, Plain]
    digest: int


class RequestReader:
    """Reads the requests of a stream. For one thread."""

    def __init__(self) -> None:
        self._fields = FieldsReader()

    def read(self, record: Record) -> Asked:
        """
        Return the request in *record*.

        Raises UnreadableError where there is none, its id is none, or the record's key is another's: such a
        request cannot be answered, for the id is what answers go by. A record without a key is welcome.
        """
        value = record.value()
        if value is None:
            raise UnreadableError("the record has no value")
        try:
            frame = _frame(value)
            fields, values = self._fields.in_order(frame.fields)
            named = frame.id
            check_request_id(named)
        except DecodeError as error:
            raise UnreadableError(f"not a Request message: {error}") from error
        except BadNameError as error:
            raise UnreadableError(str(error)) from error
        key = record.key()
        if key is not None and key != named.encode():
            raise UnreadableError(f"the record's key {key[:80]!r} is not the request's id {named!r}")
        route, asked_key, model = frame.route, frame.key, frame.model
        digest = body_digest(request_body(route, fields, asked_key, model))
        return Asked(
            named, route, frame.sent_at_us, frame.budget_us, asked_key, model, fields, values, digest
        )


def _frame(value: bytes) -> RequestFrame:
    """Return the request in *value*, its fields still encoded; raises DecodeError."""
    frame = RequestFrame.FromString(value)
    if frame.ByteSize() != len(value):
        # Some writers give a message in parts, which have to be put together; a frame has the last alone.
        frame = RequestFrame.FromString(Request.FromString(value).SerializeToString())
    return frame


def record_time_us(record: Record) -> int:
    """Return when *record* was stamped, in microseconds since the epoch; 0 where it was not."""
    _, milliseconds = record.timestamp()
    return max(0, milliseconds) * 1000


def trace_headers(record: Record) -> Headers | None:
    """Return the W3C trace context of *record*, to be passed on; None without a well-formed one."""
    headers = record.headers()
    if not headers:
        return None
    for name, value in headers:
        if name == _TRACE and isinstance(value, bytes) and _TRACE_FORM.fullmatch(value):
            return [(name, value)]
    return None
