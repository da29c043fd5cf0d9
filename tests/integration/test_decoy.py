"""The decoy as processes on a real broker: kill -9 under load, hand-over between two, a disk that refuses."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import duckdb
import pandas as pd
import pytest
from confluent_kafka import Producer
from rendezvous_contracts.topics import DEAD_LETTERS, DECISIONS, INPUTS, OUTCOMES
from rendezvous_decoy.reading import verify
from rendezvous_local.broker import Broker
from rendezvous_local.ports import free_port
from rendezvous_local.topics import create_topics
from rendezvous_runtime.stream import TopicPartition

from tests.support.broker import Consumed, consume_all
from tests.support.polling import is_within, wait_until
from tests.unit.decoy.records import MESSAGES

PARTITIONS = 2
PLACES = [TopicPartition(topic, number) for topic in MESSAGES for number in range(PARTITIONS)]
POISON = b"\xff\xff\xff"
PATIENCE_S = 60.0

pytestmark = pytest.mark.kafka


@contextmanager
def decoy(
    bootstrap: str, archive: Path, *, name: str = "decoy-0", web_port: int = 0
) -> Iterator[subprocess.Popen[bytes]]:
    settings = {
        "RENDEZVOUS_BOOTSTRAP_SERVERS": bootstrap,
        "RENDEZVOUS_INSTANCE": name,
        "RENDEZVOUS_DATA_DIR": str(archive.parent / name),
        "RENDEZVOUS_ARCHIVE_DIR": str(archive),
        "RENDEZVOUS_ARCHIVE_FLUSH_ROWS": "200",
        "RENDEZVOUS_ARCHIVE_FLUSH_S": "0.1",
        "RENDEZVOUS_WEB_PORT": str(web_port),
    }
    command = [sys.executable, "-m", "rendezvous_decoy"]
    with (
        (archive.parent / f"{name}.log").open("ab") as log,
        subprocess.Popen(command, env={**os.environ, **settings}, stdout=log, stderr=log) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


class Load:
    """Writes to all partitions of the three topics, from a thread, until it is told to end."""

    def __init__(self, bootstrap: str, per_second: int = 400) -> None:
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "log_level": 0})
        self._pause_s = 10 / per_second
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.rounds = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._pause_s):
            for _ in range(10):
                self._write(self.rounds)
                self.rounds += 1
            self._producer.poll(0)
        assert self._producer.flush(20) == 0

    def _write(self, number: int) -> None:
        for topic, partition in PLACES:
            value = POISON if is_bad(number) else MESSAGES[topic](number).SerializeToString()
            self._producer.produce(topic, value, f"r{number}", partition, headers={"n": str(number)})


def ends(archive: Path) -> dict[TopicPartition, int]:
    """Where the archive of each partition ends, by its positions: much cheaper than reading all files."""
    contents = {place: archive / f"_positions/{place.topic}-p{place.partition:03}.json" for place in PLACES}
    return {
        place: json.loads(path.read_bytes())["next_offset"]
        for place, path in contents.items()
        if path.exists()
    }


def wait_for_more(archive: Path) -> None:
    before = sum(ends(archive).values())
    wait_until(lambda: sum(ends(archive).values()) > before, PATIENCE_S, "more is archived")


def wait_for_all(archive: Path, rounds: int) -> None:
    done = dict.fromkeys(PLACES, rounds)
    wait_until(lambda: ends(archive) == done, PATIENCE_S, "all is archived", every_s=0.1)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


def is_bad(number: int) -> bool:
    return number % 100 == 7


def check_every_record_is_archived_once(bootstrap: str, archive: Path, rounds: int) -> None:
    """By the read side, by DuckDB and by pandas, against what the topics hold."""
    reports = verify(archive)
    assert {place: report.rows for place, report in reports.items()} == dict.fromkeys(PLACES, rounds)
    assert all(report.exact for report in reports.values())
    with duckdb.connect() as connection:
        counted = connection.execute(
            "SELECT topic, route, count(*), count(DISTINCT (kafka_partition, kafka_offset)), count(id) "
            "FROM read_parquet(?, hive_partitioning=true, union_by_name=true) GROUP BY ALL ORDER BY ALL",
            [f"{archive}/**/*.parquet"],
        ).fetchall()
    bad = PARTITIONS * sum(map(is_bad, range(rounds)))
    good = PARTITIONS * rounds - bad
    assert counted == [
        row
        for topic in (DECISIONS, INPUTS, OUTCOMES)
        for row in [(topic, "_undecodable", bad, bad, 0), (topic, "wine", good, good, good)]
    ]
    for topic in MESSAGES:
        check_bytes(consume_all(bootstrap, topic), pd.read_parquet(archive / f"topic={topic}"))


def check_bytes(records: list[Consumed], frame: pd.DataFrame) -> None:
    ordered = frame.sort_values(["kafka_partition", "kafka_offset"])
    found = zip(ordered.kafka_partition, ordered.kafka_offset, ordered.kafka_key, ordered.raw, strict=True)
    assert list(found) == [(one.partition, one.offset, one.key, one.value) for one in records]
    headers = [{each["name"]: each["value"] for each in some} for some in ordered.kafka_headers]
    assert headers == [dict(one.headers) for one in records]


def test_kill_9_at_random_moments_under_load_loses_and_doubles_nothing(
    fresh_broker: Broker, tmp_path: Path
) -> None:
    bootstrap, archive = fresh_broker.bootstrap_servers, tmp_path / "archive"
    create_topics(bootstrap, PARTITIONS)
    moments = random.Random(20261121)  # noqa: S311 - explores, protects nothing
    with Load(bootstrap) as load:
        for _ in range(4):
            with decoy(bootstrap, archive) as process:
                wait_for_more(archive)
                process_ends_after = moments.uniform(0.0, 0.5)
                assert not is_within(lambda: process.poll() is not None, process_ends_after)
                process.kill()
        with decoy(bootstrap, archive) as process:
            wait_for_more(archive)
            load.end()
            wait_for_all(archive, load.rounds)
            stop(process)
    check_every_record_is_archived_once(bootstrap, archive, load.rounds)
    dead = {
        tuple(one.headers[name] for name in ("topic", "partition", "offset"))
        for one in consume_all(bootstrap, DEAD_LETTERS)
    }
    assert len(dead) == len(PLACES) * sum(map(is_bad, range(load.rounds)))


def test_two_decoys_hand_over_without_gap_or_duplicate_even_if_one_was_only_asleep(
    fresh_broker: Broker, tmp_path: Path
) -> None:
    bootstrap, archive = fresh_broker.bootstrap_servers, tmp_path / "archive"
    create_topics(bootstrap, PARTITIONS)
    with Load(bootstrap) as load, decoy(bootstrap, archive) as first:
        wait_for_more(archive)
        with decoy(bootstrap, archive, name="decoy-1") as second:
            wait_until(lambda: they_share(tmp_path), PATIENCE_S, "they share")
            wait_for_more(archive)
            first.send_signal(signal.SIGSTOP)
            wait_until(lambda: has_all(tmp_path / "decoy-1.log"), PATIENCE_S, "the second has all")
            first.send_signal(signal.SIGCONT)
            wait_for_more(archive)
            stop(second)
        wait_until(lambda: all_move(archive), PATIENCE_S, "the first archives every partition again")
        load.end()
        wait_for_all(archive, load.rounds)
        stop(first)
    check_every_record_is_archived_once(bootstrap, archive, load.rounds)


def test_a_disk_that_refuses_is_said_and_waited_for(fresh_broker: Broker, tmp_path: Path) -> None:
    bootstrap, archive = fresh_broker.bootstrap_servers, tmp_path / "archive"
    create_topics(bootstrap, PARTITIONS)
    port = free_port()
    with Load(bootstrap) as load, decoy(bootstrap, archive, web_port=port) as process:
        wait_for_more(archive)
        wait_until(lambda: ready(port) == "", PATIENCE_S, "it is ready")
        (archive / "_flush").rename(archive / "away")
        (archive / "_flush").touch()
        said = wait_until(lambda: ready(port), PATIENCE_S, "it is not ready")
        assert "cannot write the archive" in said
        assert "_flush" in said
        (archive / "_flush").unlink()
        (archive / "away").rename(archive / "_flush")
        wait_until(lambda: ready(port) == "", PATIENCE_S, "it is ready again")
        load.end()
        wait_for_all(archive, load.rounds)
        stop(process)
    check_every_record_is_archived_once(bootstrap, archive, load.rounds)


def assigned(log: Path) -> list[int]:
    """The partitions that a process said last that it has."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    changes = [line for line in lines if line["event"] in ("partitions assigned", "partitions revoked")]
    return changes[-1]["partitions"] if changes and changes[-1]["event"] == "partitions assigned" else []


def has_all(log: Path) -> bool:
    return assigned(log) == [0, 1]


def they_share(folder: Path) -> bool:
    return sorted(assigned(folder / "decoy-0.log") + assigned(folder / "decoy-1.log")) == [0, 1]


def all_move(archive: Path) -> bool:
    before = dict.fromkeys(PLACES, 0) | ends(archive)
    return is_within(lambda: all(ends(archive).get(place, 0) > before[place] for place in PLACES), 1.0)


def ready(port: int) -> str:
    """What /health/ready says; empty if all is well."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=5):
            return ""
    except urllib.error.HTTPError as error:
        return error.read().decode()
    except OSError as error:
        return str(error)
