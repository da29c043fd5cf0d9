"""What becomes of a record that cannot be handled."""

from collections.abc import Iterator

from rendezvous_contracts.topics import DEAD_LETTERS
from rendezvous_runtime.clock import Now
from rendezvous_runtime.dead_letters import dead_letter, each_by_itself, too_large
from rendezvous_runtime.stream import Record, Send
from rendezvous_runtime.testing import MemoryRecord

_AT = Now(mono=1, wall=1_760_000_000_123_456)


def record(value: bytes | None = b"bytes", offset: int = 7) -> MemoryRecord:
    headers = [("traceparent", b"00-1")]
    return MemoryRecord("inputs", value, partition=3, offset=offset, key=b"id", headers=headers, at=_AT)


def test_a_dead_letter_is_the_record_whole_with_the_reason_and_the_place_in_its_headers() -> None:
    letter = dead_letter(record(), ValueError("no route"), service="relay")
    assert letter[:4] == (DEAD_LETTERS, 3, b"id", b"bytes")
    assert letter.headers == [
        ("traceparent", b"00-1"),
        ("error", b"ValueError: no route"),
        ("topic", b"inputs"),
        ("partition", b"3"),
        ("offset", b"7"),
        ("service", b"relay"),
        ("at_us", b"1760000000123000"),
    ]


def test_a_record_without_a_value_has_a_dead_letter_too() -> None:
    assert dead_letter(record(None), "no value", service="relay").value == b""


def test_a_reason_is_bounded_and_any_text_can_be_one() -> None:
    headers = dict(dead_letter(record(), "\ud800" + "x" * 10_000, service="relay").headers or [])
    assert headers["error"].startswith(b"\\ud800xxx")
    assert len(headers["error"]) < 2_100


def test_one_bad_record_costs_the_others_nothing() -> None:
    def handle(each: Record) -> list[Send]:
        if each.value() == b"bad":
            raise RuntimeError("bad")
        return [Send("out", 0, None, each.value() or b"")]

    records = [record(value, offset) for offset, value in enumerate((b"a", b"bad", b"b"))]
    sends = each_by_itself(records, handle, service="relay")
    assert [(send.topic, send.value) for send in sends] == [
        ("out", b"a"),
        (DEAD_LETTERS, b"bad"),
        ("out", b"b"),
    ]


def test_a_record_that_fails_half_way_sends_its_dead_letter_alone() -> None:
    def handle(_: Record) -> Iterator[Send]:
        yield Send("out", 0, None, b"half")
        raise RuntimeError("the other half")

    (send,) = each_by_itself([record()], handle, service="relay")
    assert send.topic == DEAD_LETTERS


def test_a_send_that_is_too_large_leaves_its_value_behind_and_says_so() -> None:
    letter = too_large(Send("answers", 2, b"id", b"x" * 101), 100, service="relay")
    assert letter[:4] == (DEAD_LETTERS, 2, b"id", b"")
    headers = dict(letter.headers or [])
    assert headers["topic"] == b"answers"
    assert headers["error"] == b"answers[2]: a record of 103 bytes is above the limit of 100"


def test_a_dead_letter_that_is_too_large_still_says_where_the_record_is() -> None:
    whole = dead_letter(record(b"x" * 101), "no route", service="relay")
    headers = dict(too_large(whole, 100, service="relay").headers or [])
    assert (headers["topic"], headers["partition"], headers["offset"]) == (b"inputs", b"3", b"7")
    assert b"above the limit" in headers["error"]


def test_what_replaces_a_send_that_is_too_large_is_never_too_large_itself() -> None:
    huge = b"x" * 1_000_000
    letter = too_large(Send("answers", 2, huge, huge, [("h", huge)]), 100, service="relay")
    size = len(letter.value) + len(letter.key or b"") + sum(len(value) for _, value in letter.headers or [])
    assert size < 1_000
