"""Who leads, and what is kept of what instances say."""

from rendezvous_contracts.topics import STATUS
from rendezvous_operator.handler import StatusHandler
from rendezvous_runtime.clock import Now
from rendezvous_runtime.testing.log import MemoryRecord
from scoring.v1.status_pb2 import Status

NOW = Now(0, 0)


def said(value: bytes | None, key: str = "a-0") -> MemoryRecord:
    return MemoryRecord(STATUS, value, key=key.encode())


def word(instance: str, *, ready: bool) -> MemoryRecord:
    return said(Status(instance=instance, ready=ready).SerializeToString(), instance)


def test_only_who_holds_the_partition_leads() -> None:
    handler = StatusHandler()
    handler.on_assign([1], NOW)
    assert not handler.leading
    handler.on_assign([0], NOW)
    assert handler.leading
    handler.on_revoke([0], NOW)
    assert not handler.leading


def test_the_newest_word_of_each_instance_counts() -> None:
    handler = StatusHandler()
    before = handler.heard
    handler.on_records([word("a-0", ready=True), word("b-0", ready=True), word("a-0", ready=False)], NOW)
    assert {name: status.ready for name, status in handler.heard.items()} == {"a-0": False, "b-0": True}
    assert before == {}, "who reads it elsewhere sees it change"


def test_a_record_without_a_value_takes_a_word_back_and_bytes_that_say_nothing_are_counted() -> None:
    handler = StatusHandler()
    handler.on_records([word("a-0", ready=True), said(b"\xff\xff"), said(b"")], NOW)
    assert set(handler.heard) == {"a-0"}
    handler.on_records([said(None)], NOW)
    assert handler.heard == {}
    assert handler.undecodable == 2
