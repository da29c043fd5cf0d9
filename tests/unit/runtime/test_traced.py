"""Trace ids are looked for when somebody has asked, and found in what a traceparent says."""

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from rendezvous_runtime.traced import Traced, trace_id_of

ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{ID}-00f067aa0ba902b7-01".encode()


@dataclass
class Read:
    """A record whose headers say that they were looked at."""

    name: bytes
    given: list[tuple[str, bytes]] | None = None
    looked_at: int = 0

    def topic(self) -> str:
        return "inputs"

    def key(self) -> bytes:
        return self.name

    def headers(self) -> list[tuple[str, bytes]] | None:
        self.looked_at += 1
        return self.given


def look(traced: Traced, records: Sequence[Read]) -> None:
    traced.look(records, "inputs")  # type: ignore[arg-type]  # of a record it needs no more than this


def test_no_header_is_looked_at_before_a_scrape_has_asked() -> None:
    record = Read(b"r1", [("traceparent", PARENT)])
    traced = Traced()
    look(traced, [record])
    assert (record.looked_at, traced.ids) == (0, {})
    traced.want()
    look(traced, [record])
    assert traced.ids == {b"r1": ID}


def test_where_no_request_has_a_trace_so_many_headers_are_looked_at_and_no_more() -> None:
    records = [Read(b"r%d" % number) for number in range(3_000)]
    traced = Traced()
    traced.want()
    look(traced, records)
    look(traced, records)
    assert sum(record.looked_at for record in records) == 1_000


def test_what_was_found_is_enough_until_somebody_asks_again() -> None:
    traced = Traced()
    traced.want()
    look(traced, [Read(b"r1", [("traceparent", PARENT)])])
    later = Read(b"r2", [("traceparent", PARENT)])
    look(traced, [later])
    assert later.looked_at == 0


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([("traceparent", PARENT)], ID),
        ([("other", b"1"), ("traceparent", PARENT)], ID),
        ([("traceparent", b"\xff\xff")], ""),
        ([("traceparent", b"00-abc-def-01")], ""),
        ([("traceparent", b"")], ""),
        ([], ""),
        (None, ""),
    ],
)
def test_the_id_is_the_second_field_of_a_traceparent(
    headers: list[tuple[str, bytes]] | None, found: str
) -> None:
    assert trace_id_of(headers) == found
