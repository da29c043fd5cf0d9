"""The client on a real broker, with the services' part played by the test."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Self

import pytest
from confluent_kafka import Producer
from rendezvous_client import (
    Asker,
    AsyncClient,
    AsyncGatewayAsker,
    Client,
    ControlPublisher,
    ControlReader,
    GatewayAsker,
    Kafka,
    Outcome,
    Question,
    RefusedError,
    follow,
    follow_answers,
    new_control,
    read_state,
    read_status,
    wait_applied,
)
from rendezvous_client.errors import BadQuestionError, ClientError, MissingTopicError, TimedOutError
from rendezvous_client.following import Followed, Following
from rendezvous_client.log import Bound
from rendezvous_client.questions import partition_of
from rendezvous_local.broker import Broker
from rendezvous_local.ports import free_port
from rendezvous_local.topics import create_topics
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import AddModel, SetRoute
from scoring.v1.outcome_pb2 import Outcome as OutcomeMessage
from scoring.v1.request_pb2 import Request
from scoring.v1.status_pb2 import Refusal, Status

from tests.support.broker import consume_all, produce
from tests.support.control import model, route
from tests.support.polling import wait_until
from tests.support.service import service

pytestmark = pytest.mark.kafka

PARTITIONS = 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        create_topics(broker.bootstrap_servers, PARTITIONS)
        yield broker


@pytest.fixture
def kafka(broker: Broker) -> Kafka:
    return Kafka(broker.bootstrap_servers, timeout_s=30.0)


def test_what_is_published_is_folded(kafka: Kafka) -> None:
    with ControlPublisher(kafka) as publisher, ControlReader(kafka) as reader:
        reader.catch_up()
        added = publisher.publish(new_control(AddModel(model=model("folded")), "ada", reason="a test"))
        set_ = publisher.publish(new_control(SetRoute(route=route("folded@1", name="folded")), "ada"))
        stale = publisher.publish(
            new_control(SetRoute(route=route(name="folded")), "ada", expected_revision=9)
        )
        produce(kafka.bootstrap_servers, "control", [b"\xff\xff"])

        state = reader.catch_up()

    assert (set_, stale) == (added + 1, added + 2)
    assert state.models["folded@1"].stamp.offset == added
    assert state.routes["folded"].current.route.schedule[0].model == "folded@1"
    assert "at revision 1, not 9" in reader.refused[stale].reason
    assert "not a Control message" in reader.refused[stale + 1].reason
    assert read_state(kafka) == state


def test_a_topic_that_is_not_there_is_named(kafka: Kafka) -> None:
    with pytest.raises(MissingTopicError, match="no topic nowhere"):
        follow(kafka, "nowhere", Answer.FromString)


def say(
    kafka: Kafka, instance: str, offset: int, *, stopping: bool = False, refused: int | None = None
) -> None:
    refusals = [] if refused is None else [Refusal(offset=refused, reason="stale")]
    status = Status(instance=instance, control_offset=offset, stopping=stopping, refusals=refusals)
    produce(kafka.bootstrap_servers, "status", [status.SerializeToString()], key=instance.encode())


def test_a_change_is_waited_for_until_every_live_instance_has_it(kafka: Kafka) -> None:
    say(kafka, "gone-0", 1, stopping=True)
    say(kafka, "here-0", 8)
    say(kafka, "late-0", 7)
    produce(kafka.bootstrap_servers, "status", [b"\xff"], key=b"odd")
    with pytest.raises(TimedOutError, match=r"within 0\.3 s by late-0:"):
        wait_applied(kafka, 7, 0.3)

    later = threading.Timer(0.3, say, (kafka, "late-0", 8), {"refused": 7})
    later.start()
    acknowledged = wait_applied(kafka, 7, 10)
    later.join()

    assert acknowledged.instances == ("here-0", "late-0")
    assert acknowledged.refusals == {"late-0": "stale"}
    assert read_status(kafka)["gone-0"].status.stopping


class Echo(threading.Thread):
    """Plays the whole stream: answers each request in its partition, the first one twice."""

    def __init__(self, kafka: Kafka) -> None:
        super().__init__()
        self.partitions: dict[str, int] = {}
        self._kafka = kafka
        self._requests = Following(kafka, "requests", Request.FromString)
        self._ended = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self.join()

    def run(self) -> None:
        producer = Producer(self._kafka.producer_config())
        while not self._ended:
            for followed in self._requests.batch() or ():
                self._answer(producer, followed)
        self._requests.close()
        assert producer.flush(10) == 0

    def _answer(self, producer: Producer, followed: Followed[Request]) -> None:
        assert followed.message is not None
        request_id = followed.message.id
        answer = Answer(id=request_id, route=followed.message.route).SerializeToString()
        for _ in range(1 if self.partitions else 2):
            producer.produce("answers", answer, request_id, followed.partition)
        producer.poll(0)
        self.partitions[request_id] = followed.partition


def test_questions_get_their_answers_and_not_those_of_others(kafka: Kafka) -> None:
    with Echo(kafka) as echo, Asker(kafka) as asker:
        first = asker.ask(Question("wine", {"alcohol": 9.4}, id="first"))
        questions = [Question("wine", {"alcohol": number}) for number in range(20)]
        answers = list(asker.ask_all(questions))

    assert (first.id, first.route) == ("first", "wine")
    assert sorted(answer.id for answer in answers) == sorted(question.id for question in questions)
    assert echo.partitions == {name: partition_of(name, PARTITIONS) for name in echo.partitions}


def test_a_question_that_nobody_answers_times_out(kafka: Kafka) -> None:
    with (
        Asker(kafka) as asker,
        pytest.raises(TimedOutError, match=r"within 0\.2 s to question lonely:"),
    ):
        asker.ask(Question("wine", {}, id="lonely"), timeout_s=0.2)


def test_two_questions_with_one_id_are_not_asked_at_once(kafka: Kafka) -> None:
    with Asker(kafka) as asker, pytest.raises(BadQuestionError, match="same is under way already"):
        list(
            asker.ask_all(
                [Question("wine", {}, id="same"), Question("wine", {"a": 1}, id="same")], timeout_s=1
            )
        )


def test_a_topic_is_followed_from_the_call_on_or_from_its_beginning(kafka: Kafka) -> None:
    produce(kafka.bootstrap_servers, "answers", [Answer(id="old").SerializeToString(), b"\xff"], partition=1)

    following = follow_answers(kafka, idle_s=0.5)
    produce(kafka.bootstrap_servers, "answers", [Answer(id="new").SerializeToString()], partition=1)

    assert [followed.message and followed.message.id for followed in following] == ["new"]
    everything = list(follow_answers(kafka, from_beginning=True, idle_s=0.5))
    assert {"old", "new"} <= {followed.message.id for followed in everything if followed.message}
    assert [followed.problem != "" for followed in everything if followed.message is None] == [True]


def test_an_asker_that_is_closed_leaves_nobody_waiting(kafka: Kafka) -> None:
    asker = Asker(kafka)
    reply = asker.submit(Question("wine", {}, id="closing"))
    asker.close()

    with pytest.raises(ClientError, match="was closed"):
        reply.result(5)
    with pytest.raises(ClientError, match="was closed"):
        asker.submit(Question("wine", {}))


def test_a_question_that_is_given_up_can_be_asked_again(kafka: Kafka) -> None:
    with Asker(kafka) as asker:
        given_up = asker.submit(Question("wine", {}, id="again"))
        with pytest.raises(BadQuestionError, match="again is under way already"):
            asker.submit(Question("wine", {}, id="again"))
        given_up.cancel()

        reply = asker.submit(Question("wine", {}, id="again"))
        value = Answer(id="again", route="wine").SerializeToString()
        produce(kafka.bootstrap_servers, "answers", [value], key=b"again", partition=2)
        assert reply.result(10).partition == 2


def test_questions_are_awaited_many_at_a_time(kafka: Kafka) -> None:
    async def scenario() -> list[str]:
        async with AsyncClient(kafka) as client:
            answers = await client.follow_answers()
            questions = [Question("wine", {"alcohol": number}) for number in range(20)]
            answered = await asyncio.gather(*map(client.ask, questions))
            assert [answer.id for answer in answered] == [question.id for question in questions]
            return await collect(answers, {question.id for question in questions})

    with Echo(kafka):
        assert len(asyncio.run(scenario())) >= 20


async def collect(answers: AsyncIterator[Followed[Answer]], wanted: set[str]) -> list[str]:
    """Return the ids of *answers* until all that are *wanted* are among them."""
    found: list[str] = []
    async with asyncio.timeout(60):
        async for followed in answers:
            found += [followed.message.id] if followed.message else []
            if wanted <= set(found):
                break
    return found


def test_who_awaits_an_answer_that_does_not_come_is_told(kafka: Kafka) -> None:
    async def scenario() -> None:
        async with AsyncClient(kafka) as client:
            with pytest.raises(TimedOutError, match=r"within 0\.2 s to question alone"):
                await client.ask(Question("wine", {}, id="alone"), timeout_s=0.2)

    asyncio.run(scenario())


def acknowledging(kafka: Kafka, offset: int) -> threading.Timer:
    """Play a service that applies the log up to *offset* a moment later."""
    timer = threading.Timer(0.2, say, (kafka, "here-0", offset + 1))
    timer.start()
    return timer


def test_a_change_returns_when_it_is_applied_everywhere_and_raises_when_it_is_refused(kafka: Kafka) -> None:
    with Client(kafka) as client:
        end = client.state().next_offset
        say(kafka, "here-0", end)
        say(kafka, "late-0", 0, stopping=True)
        timer = acknowledging(kafka, end)
        added = client.change(AddModel(model=model("changed")), "ada", reason="a test")
        timer.join()
        assert (added.offset, added.unchanged, added.acknowledged.instances) == (end, "", ("here-0",))

        say(kafka, "here-0", end + 9)
        again = client.change(AddModel(model=model("changed")), "ada")
        assert "registered already, with the same content" in again.unchanged
        with pytest.raises(RefusedError, match="at revision 0, not 9"):
            client.change(SetRoute(route=route(name="none")), "ada", expected_revision=9)

        assert "changed@1" in client.state().models
        assert "changed@1" not in client.state(Bound(offset=end - 1)).models
        assert client.status()["here-0"].status.control_offset == end + 9


def test_an_outcome_goes_where_its_question_went(kafka: Kafka) -> None:
    with Client(kafka) as client:
        by_id = client.send_outcome(Outcome("with-id", "wine", reward=1.0, author="ada"))
        told = client.send_outcome(Outcome("told", "wine", truth={"quality": 6.0}), partition=3)

    assert (by_id, told) == (partition_of("with-id", PARTITIONS), 3)
    found = {
        outcome.request_id: (record.partition, outcome)
        for record in consume_all(kafka.bootstrap_servers, "outcomes")
        for outcome in [OutcomeMessage.FromString(record.value or b"")]
    }
    assert found["with-id"][0] == by_id
    assert (found["with-id"][1].reward, found["with-id"][1].author) == (1.0, "ada")
    assert found["with-id"][1].observed_at_us > 0
    assert (found["told"][0], found["told"][1].truth.values["quality"].number) == (3, 6.0)


def test_a_real_gateway_is_asked_and_told_of_outcomes(kafka: Kafka, tmp_path: Path) -> None:
    bootstrap, port = kafka.bootstrap_servers, free_port("127.0.0.1")
    settings = {"RENDEZVOUS_HTTP_PORT": str(port), "RENDEZVOUS_INSTANCE": "client-gateway-0"}
    with ControlPublisher(kafka) as publisher:
        publisher.publish(new_control(SetRoute(route=route(name="asked", sla_us=5_000_000)), "ada"))
    with (
        Echo(kafka) as echo,
        service("rendezvous_gateway", bootstrap, tmp_path, settings),
        GatewayAsker(f"127.0.0.1:{port}") as asker,
    ):
        wait_until(lambda: is_up(kafka, "client-gateway-0"), 60, "the gateway is ready")
        answer = asker.ask(Question("asked", {"alcohol": 9.4}, id="by-http"))
        partition = asker.send_outcome(Outcome("by-http", "asked", reward=0.25))

        async def scenario() -> list[str]:
            async with AsyncGatewayAsker(f"http://127.0.0.1:{port}") as awaited:
                questions = [Question("asked", {}, id=f"awaited-{number}") for number in range(5)]
                return [each.id for each in await asyncio.gather(*map(awaited.ask, questions))]

        assert asyncio.run(scenario()) == [f"awaited-{number}" for number in range(5)]
        assert (answer.id, answer.partition) == ("by-http", echo.partitions["by-http"])
        assert partition == answer.partition
        assert asker.route("asked")["route"] == "asked"
        assert "asked" in [each["route"] for each in asker.routes()]


def is_up(kafka: Kafka, instance: str) -> bool:
    heard = read_status(kafka).get(instance)
    return heard is not None and heard.status.ready
