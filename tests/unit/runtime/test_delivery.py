"""Order, and how far everything is acknowledged, against a producer whose broker the test plays."""

from collections.abc import Callable, Collection

import pytest
from confluent_kafka import KafkaError, KafkaException
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.topics import DEAD_LETTERS
from rendezvous_runtime.delivery import Delivery
from rendezvous_runtime.errors import DataPlaneError, NotSentError, ProducerFullError
from rendezvous_runtime.kafka import MAX_RECORD_BYTES
from rendezvous_runtime.stream import Send, TopicPartition

Report = Callable[[KafkaError | None, None], None]
_HERE = TopicPartition("in", 0)


class Broker:
    """What a producer has queued; the test acknowledges it, partition by partition, in order."""

    def __init__(self, room: int = 1_000) -> None:
        self.room = room
        self.queued: list[tuple[str, int, bytes, Report | None]] = []
        self.written: list[tuple[str, int, bytes]] = []

    def produce(
        self,
        topic: str,
        value: bytes,
        _key: bytes | None,
        partition: int,
        reported: Report | None = None,
        headers: object = None,  # noqa: ARG002 - as the client has it
    ) -> None:
        if topic == "missing":
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_TOPIC))
        if len(value) > MAX_RECORD_BYTES:
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        if len(self.queued) >= self.room:
            raise BufferError
        self.queued.append((topic, partition, value, reported))

    def acknowledge(self, topic: str, partition: int, error: KafkaError | None = None) -> None:
        """Take the oldest record of one partition."""
        found = next(each for each in self.queued if each[:2] == (topic, partition))
        self.queued.remove(found)
        self.written.append(found[:3])
        if found[3] is not None:
            found[3](error, None)

    def poll(self, _timeout_s: float) -> None:
        if self.queued:
            self.acknowledge(*self.queued[0][:2])

    def flush(self, _timeout_s: float) -> int:
        while self.queued:
            self.poll(0)
        return 0

    def __len__(self) -> int:
        return len(self.queued)


def delivery(broker: Broker, *, give_up: bool = False, unhurried: Collection[str] = ()) -> Delivery:
    return Delivery(broker, "relay", lambda: give_up, unhurried)


def sends(*where: tuple[str, int]) -> list[Send]:
    return [Send(topic, number, None, b"%d" % index) for index, (topic, number) in enumerate(where)]


def test_offsets_are_safe_once_the_last_record_of_every_partition_is_acknowledged() -> None:
    broker = Broker()
    subject = delivery(broker)
    subject.produce(sends(("out", 0), ("out", 0), ("out", 1)))
    subject.mark({_HERE: 10})
    broker.acknowledge("out", 1)
    broker.acknowledge("out", 0)
    assert subject.acknowledged() is None
    broker.acknowledge("out", 0)
    assert subject.acknowledged() == {_HERE: 10}
    assert subject.acknowledged() is None


def test_a_later_window_waits_for_an_earlier_one() -> None:
    broker = Broker()
    subject = delivery(broker)
    subject.produce(sends(("out", 0)))
    subject.mark({_HERE: 1})
    subject.produce(sends(("out", 1)))
    subject.mark({_HERE: 2})
    broker.acknowledge("out", 1)
    assert subject.acknowledged() is None
    broker.acknowledge("out", 0)
    assert subject.acknowledged() == {_HERE: 2}


def test_a_window_without_sends_is_safe_at_once() -> None:
    subject = delivery(Broker())
    subject.mark({_HERE: 5})
    assert subject.acknowledged() == {_HERE: 5}


def test_a_record_that_fails_is_never_passed_over() -> None:
    broker = Broker()
    subject = delivery(broker)
    subject.produce(sends(("out", 0)))
    subject.mark({_HERE: 1})
    broker.acknowledge("out", 0, KafkaError(KafkaError._MSG_TIMED_OUT))
    with pytest.raises(DataPlaneError, match="could not be delivered"):
        subject.acknowledged()


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 2))), st.integers(1, 5))
def test_a_full_queue_keeps_the_order_and_loses_nothing(where: list[tuple[str, int]], room: int) -> None:
    broker = Broker(room)
    subject = delivery(broker)
    wanted = sends(*where)
    subject.produce(wanted)
    subject.mark({_HERE: 1})
    broker.flush(0)
    for topic, number in set(where):
        expected = [send.value for send in wanted if send[:2] == (topic, number)]
        assert [value for *at, value in broker.written if tuple(at) == (topic, number)] == expected
    assert subject.acknowledged() == {_HERE: 1}


def test_what_nobody_waits_for_goes_out_when_its_window_is_closed_and_counts_in_it() -> None:
    broker = Broker()
    subject = delivery(broker, unhurried=["later"])
    subject.produce(sends(("later", 0), ("out", 0), ("later", 0)))
    assert [each[:3] for each in broker.queued] == [("out", 0, b"1")]
    subject.mark({_HERE: 1})
    assert [each[:3] for each in broker.queued] == [("out", 0, b"1"), ("later", 0, b"0"), ("later", 0, b"2")]
    broker.acknowledge("out", 0)
    broker.acknowledge("later", 0)
    assert subject.acknowledged() is None
    broker.acknowledge("later", 0)
    assert subject.acknowledged() == {_HERE: 1}


def test_what_is_gathered_goes_out_at_a_flush_and_not_for_an_assignment_that_is_over() -> None:
    broker = Broker()
    subject = delivery(broker, unhurried=["later"])
    subject.produce(sends(("later", 0)))
    subject.forget()
    subject.produce(sends(("later", 1)))
    assert subject.flush(0)
    assert broker.written == [("later", 1, b"0")]


@given(st.lists(st.lists(st.tuples(st.sampled_from(["later", "out"]), st.integers(0, 1)), max_size=100)))
def test_what_is_gathered_keeps_its_order(batches: list[list[tuple[str, int]]]) -> None:
    broker = Broker(room=100_000)
    subject = delivery(broker, unhurried=["later"])
    wanted = [
        send._replace(value=b"%d %d" % (number, index))
        for number, batch in enumerate(batches)
        for index, send in enumerate(sends(*batch))
    ]
    for number in range(len(batches)):
        subject.produce([send for send in wanted if send.value.startswith(b"%d " % number)])
    subject.mark({})
    for place in {send[:2] for send in wanted}:
        expected = [send.value for send in wanted if send[:2] == place]
        assert [value for *at, value, _ in broker.queued if tuple(at) == place] == expected


def test_waiting_for_room_ends_when_the_time_to_stop_is_over() -> None:
    broker = Broker(room=0)
    with pytest.raises(DataPlaneError, match="wait for the broker"):
        delivery(broker, give_up=True).produce(sends(("out", 0)))


def test_the_dead_letter_of_a_send_that_is_too_large_stands_for_what_came_before_it() -> None:
    broker = Broker()
    subject = delivery(broker)
    subject.produce([Send("out", 0, None, b"small"), Send("out", 0, None, b"x" * (MAX_RECORD_BYTES + 1))])
    subject.mark({_HERE: 2})
    assert ("out", 0, b"small") in broker.written
    broker.flush(0)
    assert broker.written[-1][0] == DEAD_LETTERS
    assert subject.acknowledged() == {_HERE: 2}


def test_a_topic_that_is_not_there_is_named() -> None:
    with pytest.raises(DataPlaneError, match="cannot produce to missing"):
        delivery(Broker()).produce(sends(("missing", 0)))


def test_sending_from_outside_does_not_wait_and_moves_no_offset() -> None:
    broker = Broker(room=1)
    subject = delivery(broker)
    subject.send(sends(("out", 0)))
    subject.mark({_HERE: 1})
    assert subject.acknowledged() == {_HERE: 1}
    with pytest.raises(ProducerFullError, match="1 records wait"):
        subject.send(sends(("out", 0)))
    with pytest.raises(NotSentError, match="missing"):
        subject.send(sends(("missing", 0)))


def test_what_was_produced_is_counted_by_topic() -> None:
    subject = delivery(Broker())
    subject.produce(sends(("a", 0), ("b", 0), ("a", 1)))
    subject.send(sends(("b", 0)))
    assert subject.produced() == {"a": 2, "b": 2}
