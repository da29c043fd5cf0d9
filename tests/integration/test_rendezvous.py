"""The rendezvous as a process on a real broker: deadlines, kill -9, two processes, a backlog, poison."""

import signal
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from rendezvous_contracts.topics import ANSWERS, CONTROL, DEAD_LETTERS, DECISIONS, INPUTS, SCORES, STATUS
from rendezvous_contracts.values import to_fields
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.control_pb2 import Model, Route
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.status_pb2 import Status

from tests.support.broker import consume_all, produce
from tests.support.control import control
from tests.support.polling import wait_until
from tests.support.questions import FOREST, LINEAR, MLP, MS, wine
from tests.support.service import newest_status, service
from tests.support.whole import registered

pytestmark = pytest.mark.kafka

PARTITIONS = 2
PATIENCE_S = 30.0
# How much later than its deadline an answer may leave on a machine that runs tests beside it.
TOLERANCE_US = 100 * MS


@pytest.fixture
def bootstrap(fresh_broker: Broker) -> str:
    """A broker with our topics, on which the wine route is set."""
    servers = fresh_broker.bootstrap_servers
    create_topics(servers, PARTITIONS)
    changes: list[Model | Route] = [*map(registered, (FOREST, MLP, LINEAR)), wine()]
    messages = [control(f"c{place}", change) for place, change in enumerate(changes)]
    produce(servers, CONTROL, [message.SerializeToString() for message in messages])
    return servers


class Load:
    """Inputs and their champion's scores, written at a steady pace by a thread of its own."""

    def __init__(self, bootstrap: str, *, scored: bool = True, every_s: float = 0.004) -> None:
        self.sent: dict[str, int] = {}
        self._producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0})
        self._scored = scored
        self._every_s = every_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Write no more."""
        self._stop.set()
        self._thread.join()
        assert self._producer.flush(PATIENCE_S) == 0

    def _run(self) -> None:
        while not self._stop.wait(self._every_s):
            self.ask(f"r{len(self.sent)}")

    def ask(self, name: str, *, sent_at: int | None = None) -> None:
        partition = len(self.sent) % PARTITIONS
        sent_at = sent_at or time.time_ns() // 1_000
        self.sent[name] = sent_at + 50 * MS
        asked = Input(
            id=name, route="wine", revision=1, sent_at_us=sent_at, budget_us=50 * MS, digest=1,
            request_offset=len(self.sent), extractor="pass-through",
        )  # fmt: skip
        self._producer.produce(INPUTS, asked.SerializeToString(), name.encode(), partition)
        if self._scored:
            score = Score(
                model=FOREST, status=ScoreStatus.SCORE_STATUS_OK, request_id=name,
                outputs=to_fields({"quality": 5.0}),
            )  # fmt: skip
            self._producer.produce(SCORES, score.SerializeToString(), name.encode(), partition)
        self._producer.poll(0)


class Answers:
    """All answers so far, followed rather than read again for each look."""

    def __init__(self, bootstrap: str) -> None:
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "test", "fetch.wait.max.ms": 10, "log_level": 0}
        )
        self._consumer.assign([TopicPartition(ANSWERS, number, 0) for number in range(PARTITIONS)])
        self.by_id: defaultdict[str, list[bytes]] = defaultdict(list)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def wait_for(self, requests: int) -> dict[str, list[bytes]]:
        """Return all answers by request, once there are some to so many requests."""
        wait_until(lambda: self._read() >= requests, PATIENCE_S, f"answers to {requests} requests")
        return self.by_id

    def _read(self) -> int:
        for message in self._consumer.consume(10_000, 0.05):
            assert message.error() is None, message.error()
            self.by_id[message.key().decode()].append(message.value())
        return len(self.by_id)


@pytest.fixture
def answers(bootstrap: str) -> Iterator[Answers]:
    with Answers(bootstrap) as following:
        yield following


def wait_until_ready(bootstrap: str) -> None:
    wait_until(lambda: newest_status(bootstrap).ready, PATIENCE_S, "ready")


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[list[Path]]:
    made = [tmp_path / "one", tmp_path / "two"]
    for folder in made:
        folder.mkdir()
    yield made
    for folder in made:
        print((folder / "log").read_text() if (folder / "log").exists() else "")  # noqa: T201 - shown on failure


def test_a_quiet_topic_answers_its_last_request_on_time(
    bootstrap: str, folders: list[Path], answers: Answers
) -> None:
    with service("rendezvous_service", bootstrap, folders[0], {}):
        wait_until_ready(bootstrap)
        with Load(bootstrap, scored=False, every_s=PATIENCE_S) as load:
            load.ask("alone")
            found = answers.wait_for(1)

    answer = Answer.FromString(found["alone"][0])
    assert answer.source == Source.SOURCE_DEFAULT
    assert 0 <= answer.answered_at_us - load.sent["alone"] <= TOLERANCE_US


def test_a_backlog_past_its_deadline_is_answered_at_once(
    bootstrap: str, folders: list[Path], answers: Answers
) -> None:
    with Load(bootstrap, scored=False, every_s=PATIENCE_S) as load:
        for number in range(500):
            load.ask(f"old-{number}", sent_at=time.time_ns() // 1_000 - 10_000_000)
    with service("rendezvous_service", bootstrap, folders[0], {}):
        found = answers.wait_for(500)

    assert found.keys() == load.sent.keys()
    assert {len(some) for some in found.values()} == {1}


def test_kill_9_under_load_loses_no_request_and_answers_none_twice(
    bootstrap: str, folders: list[Path], answers: Answers
) -> None:
    with Load(bootstrap) as load:
        for _ in range(3):
            with service("rendezvous_service", bootstrap, folders[0], {}) as process:
                answers.wait_for(len(answers.by_id) + 100)
                process.send_signal(signal.SIGKILL)
                process.wait(PATIENCE_S)
        with service("rendezvous_service", bootstrap, folders[0], {}):
            answers.wait_for(len(load.sent) + 100)
            load.stop()
            found = answers.wait_for(len(load.sent))

    assert found.keys() == load.sent.keys()
    assert [name for name, some in found.items() if len(some) > 1] == []


def test_sigterm_answers_what_is_pending_before_it_leaves(
    bootstrap: str, folders: list[Path], answers: Answers
) -> None:
    with service("rendezvous_service", bootstrap, folders[0], {}) as process:
        wait_until_ready(bootstrap)
        with Load(bootstrap, scored=False) as load:
            answers.wait_for(50)
        read = len(load.sent)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0

    found = {name: list(some) for name, some in answers.by_id.items()}
    with service("rendezvous_service", bootstrap, folders[0], {}):
        rest = answers.wait_for(read)
    assert {len(some) for some in rest.values()} == {1}
    assert all(rest[name] == some for name, some in found.items()), "an answer never changes"


def test_two_processes_share_the_partitions_mid_stream(
    bootstrap: str, folders: list[Path], answers: Answers
) -> None:
    one = {"RENDEZVOUS_INSTANCE": "rendezvous-0"}
    two = {"RENDEZVOUS_INSTANCE": "rendezvous-1"}
    with (
        Load(bootstrap) as load,
        service("rendezvous_service", bootstrap, folders[0], one),
    ):
        answers.wait_for(100)
        with service("rendezvous_service", bootstrap, folders[1], two) as second:
            wait_until(lambda: _partitions_of(bootstrap, "rendezvous-1"), PATIENCE_S, "the second's share")
            seen = len(load.sent)
            wait_until(lambda: len(load.sent) > seen + 200, PATIENCE_S, "load on both")
            second.send_signal(signal.SIGTERM)
            second.wait(PATIENCE_S)
        load.stop()
        found = answers.wait_for(len(load.sent))

    assert found.keys() == load.sent.keys()
    assert [name for name, some in found.items() if len(set(some)) > 1] == []


def test_poison_goes_to_the_dead_letters_and_the_stream_goes_on(
    bootstrap: str, folders: list[Path], answers: Answers
) -> None:
    for topic in (INPUTS, SCORES, CONTROL):
        produce(bootstrap, topic, [b"\xff\xfe poison"], key=b"p")
    produce(bootstrap, INPUTS, [b"", b"x"])
    with service("rendezvous_service", bootstrap, folders[0], {}):
        with Load(bootstrap) as load:
            answers.wait_for(50)
        found = answers.wait_for(len(load.sent))

    letters = consume_all(bootstrap, DEAD_LETTERS)
    assert found.keys() == load.sent.keys()
    assert sorted((each.headers["topic"], each.value) for each in letters) == [
        (b"inputs", b""),
        (b"inputs", b"x"),
        (b"inputs", b"\xff\xfe poison"),
        (b"scores", b"\xff\xfe poison"),
    ]


def test_every_answer_has_its_decision(bootstrap: str, folders: list[Path], answers: Answers) -> None:
    with service("rendezvous_service", bootstrap, folders[0], {}):
        with Load(bootstrap) as load:
            answers.wait_for(50)
        found = answers.wait_for(len(load.sent))
        wait_until(lambda: len(consume_all(bootstrap, DECISIONS)) >= len(found), PATIENCE_S, "all decisions")

    for record in consume_all(bootstrap, DECISIONS):
        decision = Decision.FromString(record.value or b"")
        assert (
            decision.answer.SerializeToString()
            == Answer.FromString(found[decision.answer.id][0]).SerializeToString()
        )
        assert set(decision.missing) >= {MLP, LINEAR}


def _partitions_of(bootstrap: str, instance: str) -> set[int]:
    """The partitions on which *instance* has decided."""
    records = [Status.FromString(each.value or b"") for each in consume_all(bootstrap, STATUS)]
    return {passed.partition for status in records if status.instance == instance for passed in status.passed}
