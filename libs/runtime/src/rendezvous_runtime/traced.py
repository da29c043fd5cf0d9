"""
A few trace ids as exemplars: of a request that a bucket counted, so that one can look at it.

Nobody looks at a header before a scrape has asked, and then at a bounded number of them. So where no request
carries a `traceparent`, it costs one comparison for a batch.
"""

from collections.abc import Sequence
from typing import Final

from rendezvous_runtime.stream import Record

_HEADER: Final = "traceparent"
_ID: Final = 1
_FIELDS: Final = 4
_ID_LENGTH: Final = 32
_MOST_IDS: Final = 16
_MOST_LOOKED_AT: Final = 1_000


class Traced:
    """
    Trace ids of some requests that are under way, by their ids.

    *want* may be called by any thread, all else by the one that counts.
    """

    def __init__(self) -> None:
        self.ids: dict[bytes, str] = {}
        self._left = 0

    def want(self) -> None:
        """Ask for some more."""
        self._left = _MOST_LOOKED_AT

    def look(self, records: Sequence[Record], topic: str) -> None:
        """Find traces among those of *records* that are of *topic*, if somebody has asked."""
        if not self._left:
            return
        found: dict[bytes, str] = {}
        for record in records:
            if self._left and len(found) < _MOST_IDS and record.topic() == topic:
                self._left -= 1
                trace_id = trace_id_of(record.headers())
                if trace_id:
                    found[record.key() or b""] = trace_id
        if found:
            self._left = 0
            self.ids = found


def trace_id_of(headers: Sequence[tuple[str, str | bytes | None]] | None) -> str:
    """Return the id of the trace that the W3C header `traceparent` names; empty if there is none."""
    for name, value in headers or ():
        if name == _HEADER and isinstance(value, bytes):
            fields = value.decode(errors="replace").split("-")
            if len(fields) >= _FIELDS and len(fields[_ID]) == _ID_LENGTH:
                return fields[_ID]
    return ""
