"""The system in memory keeps to what the data plane promises a handler."""

from collections.abc import Sequence
from functools import partial

import pytest
from rendezvous_runtime.stream import Record, TopicPartition
from rendezvous_runtime.testing import System, VirtualClock
from rendezvous_runtime.testing.system import StuckError

from tests.unit.runtime.handlers import Draining, Recovering, Relay, Timer


def values(system: System, topic: str, partition: int | None = None) -> list[bytes]:
    return [record.value() or b"" for record in system.records(topic, partition)]


def test_a_record_goes_through_two_services_in_the_sum_of_their_latencies() -> None:
    system = System()
    system.add(Relay("in", target="middle"), latency_us=300)
    system.add(Relay("middle"), latency_us=200)
    begun = system.publish("in", 2, b"k", b"v").at
    system.run_for(10_000)
    (record,) = system.records("out")
    assert (record.partition(), record.key(), record.value()) == (2, b"k", b"v")
    assert record.at.mono - begun.mono == 500


def test_time_jumps_to_the_timer_of_a_quiet_stream() -> None:
    system = System()
    system.add(Timer("in", after_us=50_000), latency_us=100)
    begun = system.publish("in", 0, None, b"v").at.mono
    system.run_for(1_000_000)
    assert [record.at.mono - begun for record in system.records("out")] == [50_100]


def test_a_slow_service_is_busy_and_sends_when_it_is_done() -> None:
    system = System()
    system.add(Relay("in"), latency_us=100, delay_us=lambda _: 1_000)
    begun = system.publish("in", 0, None, b"a").at.mono
    system.run_for(500)
    system.publish("in", 0, None, b"b")
    system.run_for(10_000)
    assert [record.at.mono - begun for record in system.records("out")] == [1_100, 2_100]


def test_a_service_that_hangs_sends_nothing_and_is_helped_by_a_restart() -> None:
    system = System()
    system.add(Relay("in"), name="hangs", delay_us=lambda record: None if record.value() == b"a" else 0)
    system.publish("in", 0, None, b"a")
    system.run_for(1_000_000)
    assert values(system, "out") == []
    system.kill("hangs")
    system.restart("hangs", Relay("in")).delay_us = lambda _: 0
    system.run_for(1_000)
    assert values(system, "out") == [b"a"]


def test_a_restart_goes_on_at_the_checkpoint_and_keeps_no_memory() -> None:
    system = System(partitions=1)
    system.add(Timer("in", after_us=10_000), name="timer")
    system.publish("in", 0, None, b"done")
    system.run_for(20_000)
    system.publish("in", 0, None, b"pending")
    system.run_for(1_000)
    system.kill("timer")
    system.run_for(100_000)
    again = Timer("in", after_us=10_000)
    system.restart("timer", again)
    system.run_for(20_000)
    assert values(system, "out") == [b"done", b"pending"]
    assert again.seen == [b"pending"]
    assert system.stored("timer", TopicPartition("in", 0)) == 2


def test_offsets_that_were_not_stored_yet_are_lost_with_the_process() -> None:
    system = System(partitions=1)
    system.add(Relay("in"), name="relay", commit_us=5_000)
    system.publish("in", 0, None, b"v")
    system.run_for(1_000)
    system.kill("relay")
    system.restart("relay", Relay("in"))
    system.run_for(1_000)
    assert values(system, "out") == [b"v", b"v"]


def test_processes_of_a_group_share_the_partitions_and_hand_them_over() -> None:
    system = System(partitions=4)
    first, second = Relay("in"), Relay("in")
    system.add(first, name="a", group="g")
    assert first.held == {0, 1, 2, 3}
    system.add(second, name="b", group="g")
    assert (first.held, second.held) == ({0, 1}, {2, 3})
    system.kill("a")
    for partition in range(4):
        system.publish("in", partition, None, bytes([partition]))
    system.run_for(1_000)
    assert values(system, "out") == [b"\x02", b"\x03"]
    system.evict("a")
    system.run_for(1_000)
    assert second.held == {0, 1, 2, 3}
    assert sorted(values(system, "out")) == [b"\x00", b"\x01", b"\x02", b"\x03"]


def test_a_graceful_stop_reads_no_new_work_and_finishes_the_old() -> None:
    system = System(partitions=1)
    handler = Draining("in", after_us=10_000)
    system.add(handler, name="drains")
    system.publish("in", 0, None, b"begun")
    system.run_for(1_000)
    system.publish("in", 0, None, b"too late")
    system.stop("drains")
    assert values(system, "out") == [b"begun"]
    assert handler.held == set()
    assert system.stored("drains", TopicPartition("in", 0)) == 1


def test_recovery_reads_back_from_a_window_before_the_first_input() -> None:
    system = System(partitions=1)
    for value in (b"old", b"recent"):
        system.publish("out", 0, None, value)
        system.run_for(10_000)
    system.publish("in", 0, None, b"next")
    handler = Recovering("in", window_us=15_000)
    system.add(handler)
    assert handler.recovered == [b"recent"]
    assert handler.seen == []


def test_one_seed_gives_one_run_and_another_seed_another_order() -> None:
    def order(seed: int | None) -> list[bytes | None]:
        system = System(partitions=4, seed=seed)
        relay = Relay("left", "right")
        system.add(relay)
        for number in range(40):
            system.publish("left" if number % 2 else "right", number % 4, None, b"%d" % number)
        system.run_for(1_000)
        assert len(relay.seen) == 40
        return relay.seen

    assert order(1) == order(1)
    assert len({tuple(order(seed)) for seed in (None, 1, 2, 3)}) == 4


def test_a_shuffled_run_keeps_the_order_of_each_partition() -> None:
    system = System(partitions=2, seed=5)
    system.add(Relay("in"))
    for number in range(100):
        system.publish("in", number % 2, None, b"%02d" % number)
    system.run_for(1_000)
    for partition in (0, 1):
        written = values(system, "out", partition)
        assert written == sorted(written)
        assert len(written) == 50


def test_a_kill_in_the_middle_of_sending_leaves_a_beginning_of_each_partition() -> None:
    lengths = set()
    for seed in range(20):
        system = System(partitions=1, seed=seed)
        system.add(Relay("in"), name="relay", delay_us=lambda _: 1_000)
        for number in range(4):
            system.publish("in", 0, None, b"%d" % number)
        system.run_for(500)
        system.kill("relay")
        sent = values(system, "out")
        assert sent == [b"0", b"1", b"2", b"3"][: len(sent)]
        lengths.add(len(sent))
    assert len(lengths) > 2


def test_a_call_runs_at_its_time_between_the_deliveries() -> None:
    system = System()
    system.add(Relay("in"), latency_us=0)
    start = system.clock.now().mono
    system.at(start + 700, lambda: system.send([]))
    system.at(start + 500, lambda: system.publish("in", 0, None, b"v"))
    system.run_for(1_000)
    assert [record.at.mono - start for record in system.records("out")] == [500]


def test_a_timer_that_never_moves_on_is_an_error_and_no_hang() -> None:
    class Stuck(Relay):
        def next_time(self) -> int | None:
            return 0

    system = System()
    system.add(Stuck("in"))
    with pytest.raises(StuckError, match="next_time"):
        system.run_for(1)


def test_a_handler_is_given_nothing_of_a_topic_of_which_it_is_full() -> None:
    class Full(Relay):
        def __init__(self) -> None:
            super().__init__("in")
            self.is_full = True

        def saturated(self) -> Sequence[str]:
            return self.topics if self.is_full else ()

    system, handler = System(), Full()
    system.add(handler)
    system.publish("in", 0, None, b"v")
    system.run_for(10_000)
    assert handler.seen == []
    handler.is_full = False
    system.run_for(10_000)
    assert handler.seen == [b"v"]


def test_thousands_of_requests_through_six_services_arrive_complete() -> None:
    system = System(partitions=4)
    system.add(Relay("requests", target="inputs"))
    for model in range(3):
        system.add(Relay("inputs", target="scores"), latency_us=100 * model, delay_us=lambda _: 200)
    system.add(Relay("inputs", "scores", target="answers"))
    start = system.clock.now().mono
    for number in range(2_000):
        publish = partial(system.publish, "requests", number % 4, b"%d" % number, b"x")
        system.at(start + number * 1_000, publish)
    system.run_for(3_000_000)
    assert len(system.records("answers")) == 2_000 * 4


def test_virtual_time_does_not_go_back_but_the_wall_clock_may() -> None:
    clock = VirtualClock()
    before = clock.now()
    clock.advance(5)
    clock.step_wall(-1_000)
    assert clock.now().mono == before.mono + 5
    assert clock.now().wall == before.wall - 995
    with pytest.raises(ValueError, match="back"):
        clock.advance(-1)


def test_a_record_in_memory_answers_as_one_of_kafka_does() -> None:
    system = System()
    record: Record = system.publish("in", 0, b"k", b"v", [("h", b"1")])
    assert (record.topic(), record.partition(), record.offset()) == ("in", 0, 0)
    assert (record.key(), record.value(), record.headers()) == (b"k", b"v", [("h", b"1")])
    assert record.timestamp() == (1, system.clock.now().wall // 1000)
