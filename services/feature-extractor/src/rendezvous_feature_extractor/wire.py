"""Bytes to requests, and inputs to bytes."""

import re
from typing import Final

from google.protobuf.message import DecodeError
from rendezvous_contracts.errors import BadNameError
from rendezvous_contracts.names import check_request_id
from rendezvous_runtime.stream import Headers, Record
from scoring.v1.request_pb2 import Request

_TRACE: Final = "traceparent"
_TRACE_FORM: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


class UnreadableError(Exception):
    """A record of `requests` is not a request that can be answered; str() says why."""


def read_request(record: Record) -> Request:
    """
    Return the request in *record*.

    Raises UnreadableError where there is none, its id is none, or the record's key is another's: such a
    request cannot be answered, for the id is what answers go by. A record without a key is welcome.
    """
    value = record.value()
    if value is None:
        raise UnreadableError("the record has no value")
    try:
        request = Request.FromString(value)
        check_request_id(request.id)
    except DecodeError as error:
        raise UnreadableError(f"not a Request message: {error}") from error
    except BadNameError as error:
        raise UnreadableError(str(error)) from error
    key = record.key()
    if key is not None and key != request.id.encode():
        raise UnreadableError(f"the record's key {key[:80]!r} is not the request's id {request.id!r}")
    return request


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
