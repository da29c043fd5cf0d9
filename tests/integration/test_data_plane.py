"""The data plane against a real broker."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient
from prometheus_client import CollectorRegistry
from rendezvous_contracts.topics import DEAD_LETTERS
from rendezvous_local.broker import Broker
from rendezvous_runtime.clock import Now, SystemClock
from rendezvous_runtime.data_plane import DataPlane
from rendezvous_runtime.errors import NotSentError
from rendezvous_runtime.loop import Loop
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.shell.plane import PlaneService
from rendezvous_runtime.stream import END, Handler, Record, Send
from rendezvous_runtime.stream import TopicPartition as Place

from tests.support.broker import Consumed, consume_all, create_topic, produce, unique
from tests.support.polling import wait_until
from tests.support.relay import Relay, RelaySettings, plane_of

pytestmark = pytest.mark.kafka

Starter = Callable[..., DataPlane]
Spawner = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(kafka: str) -> Iterator[Starter]:
    """Start a plane; all that were started end with the test."""
    planes: list[DataPlane] = []

    def run(handler: Handler, group: str, instance: str = "relay-0", bootstrap: str = kafka) -> DataPlane:
        settings = {"bootstrap_servers": bootstrap, "group": group, "instance": instance}
        plane = plane_of(handler, settings | {"session_timeout_ms": 1_000})
        plane.start()
        planes.append(plane)
        return plane

    yield run
    for plane in planes:
        plane.stop(2.0)


@pytest.fixture
def spawn(kafka: str) -> Iterator[Spawner]:
    """Start a relay in a process of its own; all that were started are killed at the end."""
    processes: list[subprocess.Popen[bytes]] = []

    def run(kind: str, source: str, target: str, group: str, instance: str) -> subprocess.Popen[bytes]:
        env = os.environ | {"BOOTSTRAP_SERVERS": kafka, "GROUP": group, "INSTANCE": instance}
        argv = [sys.executable, "-m", "tests.support.relay", kind, source, target]
        processes.append(subprocess.Popen(argv, env=env))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.wait()


def topics(kafka: str, partitions: int = 2) -> tuple[str, str]:
    return create_topic(kafka, unique("source"), partitions), create_topic(
        kafka, unique("target"), partitions
    )


def numbers(start: int, stop: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, stop)]


def values(kafka: str, topic: str) -> list[bytes | None]:
    return [each.value for each in consume_all(kafka, topic)]


def committed(kafka: str, group: str, topic: str, partitions: int) -> list[int]:
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": group, "log_level": 0})
    try:
        wanted = [TopicPartition(topic, number) for number in range(partitions)]
        return [max(0, each.offset) for each in consumer.committed(wanted, timeout=10)]
    finally:
        consumer.close()


def dead_letters(kafka: str, source: str) -> list[Consumed]:
    """Return the dead letters of records of *source*, making the topic if nobody has."""
    try:
        create_topic(kafka, DEAD_LETTERS, 4)
    except KafkaException:  # it is there
        return [each for each in consume_all(kafka, DEAD_LETTERS) if each.headers["topic"] == source.encode()]
    return []


def test_every_record_goes_through_once_and_its_offset_is_committed(kafka: str, start: Starter) -> None:
    source, target = topics(kafka)
    for partition in range(2):
        produce(kafka, source, numbers(500 * partition, 500 * partition + 500), partition=partition)
    group = unique("group")
    first = Relay(source, target)
    plane = start(first, group)
    wait_until(lambda: first.seen.total() == 1_000, 10, "all records are read")
    assert plane.stop(5.0)
    assert Counter(values(kafka, target)) == Counter(numbers(0, 1_000))
    assert committed(kafka, group, source, 2) == [500, 500]
    second = Relay(source, target)
    start(second, group)
    produce(kafka, source, [b"new"])
    wait_until(lambda: second.seen[b"new"], 10, "the next process goes on")
    assert second.seen == {b"new": 1}


def test_offsets_of_an_idle_stream_are_committed_within_seconds(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    group = unique("group")
    start(Relay(source, target), group)
    produce(kafka, source, numbers(0, 10))
    wait_until(lambda: committed(kafka, group, source, 1) == [10], 10, "the offsets are committed")


def test_after_kill_9_nothing_before_the_committed_offset_is_missing_and_all_comes_through(
    kafka: str, spawn: Spawner
) -> None:
    source, target = topics(kafka)
    group = unique("group")
    first = spawn("relay", source, target, group, "relay-0")
    feeding = threading.Thread(target=feed, args=(kafka, source, 3_000))
    feeding.start()
    wait_until(lambda: sum(committed(kafka, group, source, 2)) > 0, 10, "something is committed")
    first.kill()
    first.wait()
    done = committed(kafka, group, source, 2)
    there = consume_all(kafka, target)
    for partition, count in enumerate(done):
        expected = [each.value for each in consume_all(kafka, source) if each.partition == partition][:count]
        found = {each.value for each in there if each.partition == partition}
        assert found.issuperset(expected), f"partition {partition}: committed {count}, but not all is there"
    feeding.join()
    spawn("relay", source, target, group, "relay-0")
    wait_until(lambda: set(values(kafka, target)) == set(numbers(0, 3_000)), 10, "all is through")


def feed(kafka: str, topic: str, count: int) -> None:
    """Append *count* numbers to two partitions, over a second or so."""
    producer = Producer({"bootstrap.servers": kafka, "linger.ms": 0, "enable.idempotence": True})
    for number, value in enumerate(numbers(0, count)):
        producer.produce(topic, value, partition=number % 2)
        if number % 20 == 0:
            producer.flush(10)
            time.sleep(20 / count)
    producer.flush(10)


def test_a_second_process_takes_its_share_and_no_record_is_lost_or_doubled(
    kafka: str, start: Starter
) -> None:
    source, target = topics(kafka)
    group = unique("group")
    first, second = Relay(source, target), Relay(source, target)
    start(first, group, "relay-0")
    produce(kafka, source, numbers(0, 100))
    wait_until(lambda: first.seen.total() == 100, 10, "the first process reads")
    feeding = threading.Thread(target=feed, args=(kafka, source, 2_000))
    feeding.start()
    start(second, group, "relay-1")
    wait_until(lambda: second.held, 10, "the second process has its share")
    feeding.join()
    # The 100 from before and the first 100 of the feed are the same numbers.
    wait_until(lambda: len(values(kafka, target)) >= 2_100, 10, "all is through")
    assert Counter(values(kafka, target)) == Counter(numbers(0, 100)) + Counter(numbers(0, 2_000))
    assert first.held | second.held == {0, 1}
    assert not first.held & second.held


def test_a_process_that_stood_still_does_not_speak_for_partitions_that_another_has(
    kafka: str, spawn: Spawner
) -> None:
    source, target = topics(kafka, 1)
    group = unique("group")
    zombie = spawn("ticker", source, target, group, "a")
    wait_until(lambda: values(kafka, target), 10, "the first ticks")
    # Between two ticks: one that is on its way when the process stops comes to the log when it goes on.
    count = len(values(kafka, target))
    wait_until(lambda: len(values(kafka, target)) > count, 10, "it ticks again")
    zombie.send_signal(signal.SIGSTOP)
    spawn("ticker", source, target, group, "b")
    wait_until(lambda: b"b 1" in values(kafka, target), 10, "the second has taken over")
    zombie.send_signal(signal.SIGCONT)
    count = len(values(kafka, target))
    wait_until(lambda: len(values(kafka, target)) > count + 5, 10, "more than a second goes by")
    said = values(kafka, target)
    assert said[0] == b"a 1"
    assert b"a 1" not in said[said.index(b"b 1") :]


class Half(Relay):
    """Waits, for each record of the first topic, for one of the second; only then it is drained."""

    def __init__(self, source: str, other: str, target: str) -> None:
        super().__init__(source, target)
        self.topics = (source, other)
        self.intake = (source,)
        self.open = 0

    def copy(self, record: Record) -> Iterable[Send]:
        self.open += 1 if record.topic() == self.topics[0] else -1
        return super().copy(record)

    def drained(self, _: Now) -> bool:
        return self.open == 0


def test_a_stop_reads_no_new_work_but_finishes_what_is_begun(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    other = create_topic(kafka, unique("other"), 1)
    handler = Half(source, other, target)
    group = unique("group")
    plane = start(handler, group)
    produce(kafka, source, [b"work"])
    wait_until(lambda: handler.open == 1, 10, "work has begun")
    stopped: list[bool] = []
    stopping = threading.Thread(target=lambda: stopped.append(plane.stop(8.0)))
    stopping.start()
    produce(kafka, source, [b"too late"])
    assert plane.alive
    produce(kafka, other, [b"finish"])
    stopping.join()
    assert stopped == [True]
    assert handler.open == 0
    assert committed(kafka, group, other, 1) == [1]


def test_a_stop_that_cannot_finish_ends_in_time_and_says_so(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    handler = Half(source, create_topic(kafka, unique("other"), 1), target)
    plane = start(handler, unique("group"))
    produce(kafka, source, [b"work"])
    wait_until(lambda: handler.open == 1, 10, "work has begun")
    assert not plane.stop(1.0)
    assert not plane.alive
    assert plane.failure is None


def test_poison_becomes_a_dead_letter_and_the_partition_moves_on(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    dead_letters(kafka, source)
    start(Relay(source, target), unique("group"))
    produce(kafka, source, [b"a", b"poison", b"b"], key=b"key", headers={"traceparent": b"00-1"})
    wait_until(lambda: values(kafka, target) == [b"a", b"b"], 10, "the others are through")
    (letter,) = wait_until(lambda: dead_letters(kafka, source), 10, "the dead letter")
    assert (letter.value, letter.key) == (b"poison", b"key")
    assert letter.headers["error"] == b"ValueError: it is poison"
    assert letter.headers["offset"] == b"1"
    assert letter.headers["traceparent"] == b"00-1"


class Grower(Relay):
    """Returns more than any broker takes."""

    def copy(self, record: Record) -> Iterable[Send]:
        return [each._replace(value=each.value * 2_000_000) for each in super().copy(record)]


def test_a_send_that_is_too_large_becomes_a_dead_letter_and_offsets_go_on(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    dead_letters(kafka, target)
    group = unique("group")
    start(Grower(source, target), group)
    produce(kafka, source, [b"x"])
    (letter,) = wait_until(lambda: dead_letters(kafka, target), 10, "the dead letter")
    assert b"2000000 bytes is above the limit" in letter.headers["error"]
    wait_until(lambda: committed(kafka, group, source, 1) == [1], 10, "the offset is committed")


class Breaking(Relay):
    def copy(self, record: Record) -> Iterable[Send]:
        return super().copy(record)

    def on_records(self, records: Sequence[Record], _: Now) -> Sequence[Send]:
        if any(each.value() == b"break" for each in records):
            raise RuntimeError("a defect")
        return [send for each in records for send in self.copy(each)]


def test_a_defect_in_the_handler_ends_the_plane_and_commits_nothing_of_its_batch(
    kafka: str, start: Starter
) -> None:
    source, target = topics(kafka, 1)
    group = unique("group")
    handler = Breaking(source, target)
    plane = start(handler, group)
    produce(kafka, source, [b"fine"])
    wait_until(lambda: handler.seen[b"fine"], 10, "the first is through")
    produce(kafka, source, [b"break"])
    wait_until(lambda: not plane.alive, 10, "the plane ends")
    assert str(plane.failure) == "a defect"
    assert committed(kafka, group, source, 1)[0] <= 1


class Lingering(Breaking):
    """Breaks, and then cannot let go of its partitions before it is allowed to."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(source, target)
        self.may_go = threading.Event()

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:
        self.may_go.wait()
        super().on_revoke(partitions, now)


def test_what_failed_is_told_though_the_broker_cannot_be_let_go_of(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    handler = Lingering(source, target)
    plane = start(handler, unique("group"))
    try:
        produce(kafka, source, [b"break"])
        wait_until(lambda: plane.failure, 10, "the plane tells why it ends")
        assert plane.alive
    finally:
        handler.may_go.set()
    wait_until(lambda: not plane.alive, 10, "the plane ends")


class Standing(Relay):
    """Comes back from a record only once it is allowed to."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(source, target)
        self.may_go = threading.Event()

    def copy(self, record: Record) -> Iterable[Send]:
        self.may_go.wait()
        return super().copy(record)


def test_a_plane_that_stands_still_fails_and_one_that_has_nothing_to_do_does_not(kafka: str) -> None:
    source, target = topics(kafka, 1)
    handler = Standing(source, target)
    plane = plane_of(handler, {"bootstrap_servers": kafka, "group": unique("group")})

    async def scenario() -> None:
        async with PlaneService(plane, lambda: True, 1.0, stuck_after_s=1.0) as service:
            await asyncio.to_thread(wait_until, lambda: plane.assigned, 10, "it has its partitions")
            turns = plane.turns
            await asyncio.to_thread(wait_until, lambda: plane.turns > turns + 1_000, 20, "it goes round")
            assert plane.failure is None
            await asyncio.to_thread(produce, kafka, source, [b"stop"])
            await asyncio.to_thread(wait_until, lambda: service.crashed, 10, "the service ends")
            assert service.failed() == "the data plane failed: it has not moved for 1 s"
            handler.may_go.set()

    asyncio.run(scenario())


def test_a_missing_topic_is_named(start: Starter) -> None:
    missing = unique("missing")
    plane = start(Relay(missing, missing), unique("group"))
    wait_until(lambda: plane.failure, 10, "the plane fails")
    assert f"no topic {missing}" in str(plane.failure)


def test_topics_that_are_partitioned_differently_are_refused(kafka: str, start: Starter) -> None:
    handler = Relay("", "")
    handler.topics = (create_topic(kafka, unique("one"), 1), create_topic(kafka, unique("two"), 2))
    plane = start(handler, unique("group"))
    wait_until(lambda: plane.failure, 10, "the plane fails")
    assert "as many partitions each" in str(plane.failure)


def test_the_older_of_two_processes_with_one_instance_name_ends(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    group = unique("group")
    older = start(Relay(source, target), group)
    wait_until(lambda: older.assigned, 10, "the first has its partitions")
    newer = start(Relay(source, target), group)
    wait_until(lambda: older.failure, 10, "the first ends")
    assert "give each its own" in str(older.failure)
    wait_until(lambda: newer.assigned, 10, "the second has the partitions")


def test_another_thread_sends_and_learns_what_has_no_place(kafka: str, start: Starter) -> None:
    source, target = topics(kafka, 1)
    plane = start(Relay(source, target), unique("group"))
    wait_until(lambda: plane.assigned, 10, "the plane runs")
    plane.send([Send(target, 0, b"key", b"value", [("traceparent", b"00-1")])])
    (there,) = wait_until(lambda: consume_all(kafka, target), 10, "the record")
    assert (there.key, there.value, there.headers) == (b"key", b"value", {"traceparent": b"00-1"})
    with pytest.raises(NotSentError, match=target):
        plane.send([Send(target, 7, None, b"value")])
    with pytest.raises(NotSentError, match="too large"):
        plane.send([Send(target, 0, None, b"x" * 1_100_000)])


class Filling(Relay):
    """Full as long as the test says so."""

    is_full = True
    refusals = 0

    def saturated(self) -> Sequence[str]:
        self.refusals += self.is_full
        return self.topics if self.is_full else ()


def test_a_full_handler_is_given_nothing_until_it_has_room(kafka: str, start: Starter) -> None:
    source, target = topics(kafka)
    handler = Filling(source, target)
    plane = start(handler, unique("group"))
    wait_until(lambda: plane.assigned, 10, "the plane has its partitions")
    handler.is_full = False
    produce(kafka, source, [b"first"])
    wait_until(lambda: handler.seen[b"first"], 10, "there is room")
    handler.is_full, handler.refusals = True, 0
    wait_until(lambda: handler.refusals > 1, 10, "the plane has asked")
    produce(kafka, source, [b"second"])
    handler.refusals = 0
    wait_until(lambda: handler.refusals > 50, 10, "the plane goes on asking")
    assert not handler.seen[b"second"]
    assert plane.assigned == {0, 1}
    handler.is_full = False
    wait_until(lambda: handler.seen[b"second"], 10, "there is room again")


class Emptied(Filling):
    """Full of what it has read of its partitions, as the decoy: without them it has room again."""

    def on_revoke(self, partitions: Collection[int], now: Now) -> None:
        super().on_revoke(partitions, now)
        self.is_full = False


def test_a_partition_that_was_taken_away_while_the_handler_was_full_is_read_when_it_comes_back(
    kafka: str, start: Starter
) -> None:
    source, target = topics(kafka)
    group = unique("group")
    first, second = Emptied(source, target), Relay(source, target)
    plane = start(first, group, "relay-0")
    wait_until(lambda: plane.assigned and first.refusals > 1, 10, "all is paused")
    start(second, group, "relay-1")
    wait_until(lambda: second.held and first.assignments > 1, 10, "the second process has its share")
    produce(kafka, source, [b"zero"], partition=0)
    produce(kafka, source, [b"one"], partition=1)
    wait_until(lambda: (first.seen + second.seen).keys() == {b"zero", b"one"}, 10, "both are read")


@pytest.mark.timeout(120, method="thread")  # what hangs does so in the client library
def test_partitions_that_come_while_a_process_ends_are_not_taken(kafka: str) -> None:
    source, target = topics(kafka)
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    for _ in range(20):  # whether they come before it is closed or meanwhile is chance
        group = unique("group")
        handler = Relay(source, target)
        settings = RelaySettings(bootstrap_servers=kafka, group=group)
        membership = Loop(handler, settings, SystemClock(), PlaneMetrics(CollectorRegistry())).membership
        membership.join()
        wait_until(partial(is_stable, admin, group), 10, "the group has dealt out its partitions")
        membership.leave()
        assert handler.assignments == 0


def is_stable(admin: AdminClient, group: str) -> bool:
    try:
        described = admin.describe_consumer_groups([group])[group].result()
    except KafkaException:  # it has no coordinator yet
        return False
    return bool(described.state == ConsumerGroupState.STABLE)


def test_a_record_that_the_broker_refuses_ends_the_plane_and_is_read_again(
    kafka: str, start: Starter
) -> None:
    source = create_topic(kafka, unique("source"), 1)
    target = create_topic(kafka, unique("target"), 1, {"max.message.bytes": "1000"})
    group = unique("group")
    plane = start(Relay(source, target), group)
    produce(kafka, source, [b"x" * 5_000, b"small"])
    wait_until(lambda: not plane.alive, 10, "the plane ends")
    assert f"{target} [0]" in str(plane.failure)
    assert committed(kafka, group, source, 1) == [0]


def test_what_the_plane_does_can_be_counted(kafka: str) -> None:
    source, target = topics(kafka, 1)
    produce(kafka, source, numbers(0, 300))
    registry = CollectorRegistry()
    settings = {"bootstrap_servers": kafka, "group": unique("group"), "instance": "relay-0"}
    plane = plane_of(Relay(source, target), settings, registry)
    plane.start()

    def counted(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"rendezvous_plane_{name}", labels)

    try:
        wait_until(lambda: counted("records_sent_total", topic=target) == 300, 10, "all is counted")
        assert counted("records_read_total", topic=source) == 300
        assert counted("partitions_assigned") == 1
        assert counted("lag_records", topic=source, partition="0") == 0
    finally:
        assert plane.stop(5.0)


class Remembering(Relay):
    """Reads back its target."""

    recovery_window_us = 60_000_000

    def __init__(self, source: str, target: str) -> None:
        super().__init__(source, target)
        self.recovery_topic = target
        self.recovered: list[bytes | None] = []

    def on_recovered(self, records: Sequence[Record], _: Now) -> None:
        assert not self.seen, "an input came first"
        self.recovered += [each.value() for each in records]


def test_what_was_written_is_read_back_before_the_first_record(kafka: str, start: Starter) -> None:
    source = create_topic(kafka, unique("source"), 2)
    target = create_topic(kafka, unique("target"), 2, {"message.timestamp.type": "LogAppendTime"})
    produce(kafka, target, numbers(0, 5_000), partition=0)
    produce(kafka, target, numbers(5_000, 5_010), partition=1)
    produce(kafka, source, [b"new"], partition=0)
    handler = Remembering(source, target)
    start(handler, unique("group"))
    wait_until(lambda: handler.seen[b"new"], 10, "the first record")
    assert Counter(handler.recovered) == Counter(numbers(0, 5_010))


class Speaking(Remembering):
    """Says much while it has partitions, whether there is a broker or not."""

    def __init__(self, source: str, target: str) -> None:
        super().__init__(source, target)
        self.said: set[bytes | None] = set()
        self.quiet = False

    def next_time(self) -> int | None:
        return 0 if self.held and not self.quiet and len(self.said) < 100_000 else None

    def on_time(self, _: Now) -> Sequence[Send]:
        if self.next_time() is None:
            return ()
        new = numbers(len(self.said), len(self.said) + 500)
        self.said.update(new)
        return [Send(self.recovery_topic, 0, None, each) for each in new]


def test_what_waited_for_the_broker_when_partitions_were_lost_is_read_back_too(
    fresh_broker: Broker, start: Starter
) -> None:
    kafka = fresh_broker.bootstrap_servers
    source, target = topics(kafka)
    handler = Speaking(source, target)
    plane = start(handler, unique("group"), bootstrap=kafka)
    wait_until(lambda: plane.assigned == {0, 1}, 20, "the plane has its partitions")
    fresh_broker.kill()
    wait_until(lambda: not handler.held, 20, "the partitions are lost")
    handler.quiet = True
    fresh_broker.start()
    wait_until(lambda: plane.assigned == {0, 1}, 30, "the plane has its partitions again")
    assert len(handler.said) > 1_000
    assert handler.said - set(handler.recovered) == set()
    assert plane.failure is None


class Seeking(Relay):
    def start_offset(self, where: Place) -> int | None:
        return 7 if where.partition == 0 else None


def test_a_handler_that_knows_its_place_is_asked(kafka: str, start: Starter) -> None:
    source, target = topics(kafka)
    for partition in range(2):
        produce(kafka, source, numbers(10 * partition, 10 * partition + 10), partition=partition)
    handler = Seeking(source, target)
    start(handler, unique("group"))
    wait_until(lambda: handler.seen.total() >= 13, 10, "the records")
    assert handler.seen == Counter(numbers(7, 20))


class Latest(Relay):
    def start_offset(self, _: Place) -> int | None:
        return END


def test_where_a_handler_starts_is_committed_though_nothing_comes_after_it(
    kafka: str, start: Starter
) -> None:
    source, target = topics(kafka)
    for partition in range(2):
        produce(kafka, source, numbers(0, 5), partition=partition)
    group = unique("group")
    plane = start(Latest(source, target), group)
    wait_until(lambda: plane.assigned == {0, 1}, 10, "the plane has its partitions")
    produce(kafka, source, [b"new"], partition=0)
    wait_until(lambda: committed(kafka, group, source, 2) == [6, 5], 10, "no lag is reported")


def test_the_stream_goes_on_after_the_broker_was_away(fresh_broker: Broker, start: Starter) -> None:
    kafka = fresh_broker.bootstrap_servers
    source, target = topics(kafka)
    plane = start(Relay(source, target), unique("group"), bootstrap=kafka)
    produce(kafka, source, numbers(0, 100))
    wait_until(lambda: len(values(kafka, target)) == 100, 10, "the first are through")
    fresh_broker.kill()
    wait_until(lambda: not plane.reachable, 10, "the plane notices")
    fresh_broker.start()
    produce(kafka, source, numbers(100, 200))
    wait_until(lambda: set(values(kafka, target)) == set(numbers(0, 200)), 20, "the others are through")
    wait_until(lambda: plane.reachable, 10, "the plane notices")
    assert plane.failure is None


def test_the_broker_may_come_later_than_the_plane(fresh_broker: Broker, start: Starter) -> None:
    kafka = fresh_broker.bootstrap_servers
    source, target = topics(kafka)
    fresh_broker.kill()
    plane = start(Relay(source, target), unique("group"), bootstrap=kafka)
    wait_until(lambda: not plane.reachable, 10, "the plane notices")
    fresh_broker.start()
    wait_until(lambda: plane.assigned == {0, 1}, 20, "the plane has its partitions")
    assert plane.failure is None
