"""
Whatever dies, hangs, changes hands or runs out of space, each offset is archived exactly once.

Two decoys share an archive. Their handlers, buffers and writers are the real ones, on real files; the group,
the log and the moments at which things go wrong are Hypothesis's.
"""

import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from rendezvous_contracts.topics import INPUTS, OUTCOMES
from rendezvous_decoy.archive import Limits, Part
from rendezvous_decoy.reading import files, verify
from rendezvous_decoy.wire import to_row
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import TopicPartition
from rendezvous_runtime.testing import MemoryRecord

from tests.unit.decoy.disks import CrashError, FaultyDisk, no_space
from tests.unit.decoy.records import AT_US, HOUR_US, decoy_on, input_message, outcome_message, writer_on

PARTITIONS = (0, 1)
PLACES = [TopicPartition(topic, partition) for topic in (INPUTS, OUTCOMES) for partition in PARTITIONS]
ROUTES = ("wine", "beer", "..")
WHO = st.integers(0, 1)
# A commit of one file takes about ten.
STEPS = st.integers(1, 16)


@pytest.fixture(autouse=True, scope="module")
def _nobody_waits_for_a_lock() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rendezvous_decoy.disk.LOCK_WAIT_S", 0.0)
        yield


class Later(Executor):
    """Holds what it is given until it is told to run it: a writer thread whose progress is chosen."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], None]] = []

    def submit(self, call: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(call(*args, **kwargs))
            except OSError as error:
                future.set_exception(error)

        self._calls.append(run)
        return future

    def run(self) -> None:
        while self._calls:
            self._calls.pop(0)()


class Process:
    """One life of one decoy: what a kill takes with it."""

    def __init__(self, archive: Path) -> None:
        self.disk = FaultyDisk()
        self.writer = Later()
        limits = Limits(rows=4, age_us=1_000)
        self.handler = decoy_on(archive, disk=self.disk, writer=self.writer, limits=limits)
        self.reads: dict[TopicPartition, int] = {}


class TwoDecoys(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.archive = Path(self._folder.name)
        self.log: dict[TopicPartition, list[MemoryRecord]] = {place: [] for place in PLACES}
        self.committed: dict[TopicPartition, int] = {}
        self.now = 1_000
        self.live: list[Process] = [Process(self.archive), Process(self.archive)]

    def teardown(self) -> None:
        try:
            self.everything_is_archived_in_the_end()
        finally:
            self._folder.cleanup()

    @initialize()
    def deal(self) -> None:
        for number in PARTITIONS:
            self.give(self.live[number], number)

    @rule(
        place=st.sampled_from(PLACES),
        routes=st.lists(st.sampled_from(ROUTES), min_size=1, max_size=5),
        hours=st.integers(0, 1),
        bad=st.booleans(),
    )
    def write(self, place: TopicPartition, routes: list[str], hours: int, bad: bool) -> None:
        for route in routes:
            number = len(self.log[place])
            message = input_message(number, route=route) if place.topic == INPUTS else outcome_message(number)
            value = b"\xff\xff" if bad else message.SerializeToString()
            at = Now(0, AT_US + hours * HOUR_US)
            record = MemoryRecord(place.topic, value, partition=place.partition, offset=number, at=at)
            self.log[place].append(record)

    @rule(who=WHO, at_most=st.integers(1, 6), us=st.sampled_from([0, 2_000, 1_500_000]))
    def read(self, who: int, at_most: int, us: int) -> None:
        """Read some more, and after a while look what is due: a flush, or another attempt at one."""
        process = self.live[who]
        if not process.handler.full():
            for place in process.reads:
                process.handler.on_records(self._next(process, place, at_most), self._now())
        self.now += us
        process.handler.on_time(self._now())
        self._commit(process)

    @rule(who=WHO, steps=st.none() | STEPS, dies=st.booleans())
    def run_writer(self, who: int, steps: int | None, dies: bool) -> None:
        """Let the writer work; after *steps* steps its process dies, or its disk is full."""
        process = self.live[who]
        process.disk.fuse = steps
        process.disk.strike = crash if dies else refuse
        try:
            process.writer.run()
        except CrashError:
            self._bury(who)
        process.disk.fuse = None

    @rule(who=WHO, steps=STEPS, other_works=st.booleans())
    def fall_asleep_in_the_writer(self, who: int, steps: int, other_works: bool) -> None:
        """At some step its partitions go to the other one, which may go on at once; then it wakes up."""
        process, other = self.live[who], self.live[1 - who]

        def lose_all() -> None:
            numbers = {place.partition for place in process.reads}
            process.reads.clear()
            for number in numbers:
                self.give(other, number)
            if other_works:
                self.read(1 - who, 5, 2_000)
                other.writer.run()

        process.disk.strike = lose_all
        process.disk.fuse = steps
        process.writer.run()
        process.disk.fuse = None

    @rule(who=WHO)
    def kill(self, who: int) -> None:
        self._bury(who)

    @rule(number=st.sampled_from(PARTITIONS), to=WHO, told=st.booleans())
    def move(self, number: int, to: int, told: bool) -> None:
        """Give a partition to the other one; who is not *told* goes on writing what it has."""
        loser = self.live[1 - to]
        if any(place.partition == number for place in loser.reads):
            loser.reads = {
                place: offset for place, offset in loser.reads.items() if place.partition != number
            }
            if told:
                loser.handler.on_revoke([number], self._now())
            self.give(self.live[to], number)

    @invariant()
    def no_offset_is_archived_twice(self) -> None:
        assert not any(report.duplicates for report in verify(self.archive).values())

    def everything_is_archived_in_the_end(self) -> None:
        for process in self.live:
            process.disk.fuse = None
            process.writer.run()
        last = Process(self.archive)
        for number in PARTITIONS:
            self.give(last, number)
        while any(last.reads[place] < len(self.log[place]) for place in PLACES):
            for place in PLACES:
                last.handler.on_records(self._next(last, place, 100), self._now())
            self._drain(last)
        self._drain(last)
        reports = verify(self.archive)
        assert {place: report.rows for place, report in reports.items()} == {
            place: len(log) for place, log in self.log.items() if log
        }
        assert all(report.exact for report in reports.values())
        for place, log in self.log.items():
            assert self._archived(place) == [(one.offset(), one.value()) for one in log]

    def give(self, process: Process, number: int) -> None:
        process.handler.on_assign([number], self._now())
        for place in PLACES:
            if place.partition == number:
                start = process.handler.start_offset(place)
                process.reads[place] = self.committed.get(place, 0) if start is None else start

    def _drain(self, process: Process) -> None:
        while not process.handler.drained(self._now()):
            process.writer.run()
            self.now += 1_000_000

    def _next(self, process: Process, place: TopicPartition, at_most: int) -> list[MemoryRecord]:
        begin = process.reads[place]
        records = self.log[place][begin : begin + at_most]
        process.reads[place] += len(records)
        return records

    def _commit(self, process: Process) -> None:
        offsets = process.reads | dict(process.handler.checkpoint())
        self.committed |= {place: offsets[place] for place in process.reads}

    def _bury(self, who: int) -> None:
        """It is dead; its heir has its partitions, from the archive alone."""
        numbers = {place.partition for place in self.live[who].reads}
        self.live[who] = Process(self.archive)
        for number in sorted(numbers):
            self.give(self.live[who], number)

    def _archived(self, place: TopicPartition) -> list[tuple[int, bytes]]:
        columns = ["kafka_partition", "kafka_offset", "raw"]
        tables = [pq.ParquetFile(path).read(columns) for path in files(self.archive, place.topic)]
        rows = [row for table in tables for row in table.to_pylist()]
        mine = (row for row in rows if row["kafka_partition"] == place.partition)
        return sorted((row["kafka_offset"], row["raw"]) for row in mine)

    def _now(self) -> Now:
        return Now(self.now, AT_US + self.now)


def crash() -> None:
    raise CrashError


def refuse() -> None:
    raise no_space()


def part(first: int, routes: list[str]) -> Part:
    place = TopicPartition(INPUTS, 0)
    values = [input_message(first + at, route=route).SerializeToString() for at, route in enumerate(routes)]
    return Part(
        place,
        first,
        [to_row(MemoryRecord(INPUTS, value, offset=first + at)) for at, value in enumerate(values)],
    )


ROUTE_LISTS = st.lists(st.sampled_from(ROUTES), min_size=1, max_size=5)


@settings(max_examples=120, deadline=None)
@given(
    before=st.none() | ROUTE_LISTS, mine=ROUTE_LISTS, theirs=st.none() | ROUTE_LISTS, step=st.integers(1, 30)
)
def test_who_takes_over_in_the_middle_of_a_commit_and_who_did_not_notice_agree(
    before: list[str] | None, mine: list[str], theirs: list[str] | None, step: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder)
        disk = FaultyDisk()
        sleeper, heir = writer_on(archive, disk), writer_on(archive, FaultyDisk())
        begin = sleeper.commit(part(0, before)).end if before else 0

        def take_over() -> None:
            with suppress(TimeoutError):  # the sleeper holds the lock
                end = heir.recover(TopicPartition(INPUTS, 0)) or 0
                if theirs is not None:
                    heir.commit(part(end, theirs))

        disk.fuse, disk.strike = step, take_over
        sleeper.commit(part(begin, mine))
        end = heir.recover(TopicPartition(INPUTS, 0)) or 0
        (report,) = verify(archive).values()
        assert (report.rows, report.last, report.exact) == (end, end - 1, True)
        assert end >= begin + len(mine)


@settings(max_examples=120, deadline=None)
@given(before=st.none() | ROUTE_LISTS, mine=ROUTE_LISTS, step=st.integers(1, 30), dies=st.booleans())
def test_a_commit_that_is_cut_short_counts_wholly_or_not_at_all(
    before: list[str] | None, mine: list[str], step: int, dies: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder)
        disk = FaultyDisk()
        writer = writer_on(archive, disk)
        begin = writer.commit(part(0, before)).end if before else 0
        disk.fuse, disk.strike = step, crash if dies else refuse
        with suppress(CrashError, OSError):
            writer.commit(part(begin, mine))
        disk.fuse = None
        heir = writer_on(archive) if dies else writer
        if dies:
            assert (heir.recover(TopicPartition(INPUTS, 0)) or 0) in (begin, begin + len(mine))
        heir.commit(part(begin, mine))
        (report,) = verify(archive).values()
        assert (report.rows, report.last, report.exact) == (begin + len(mine), begin + len(mine) - 1, True)


TestTwoDecoys = TwoDecoys.TestCase
TestTwoDecoys.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
