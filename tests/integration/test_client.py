"""The client on a real broker, with the services' part played by the test."""

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from rendezvous_client import (
    Asker,
    ControlPublisher,
    ControlReader,
    Kafka,
    Question,
    follow,
    follow_answers,
    new_control,
    read_state,
    read_status,
    wait_applied,
)
from rendezvous_client.errors import BadQuestionError, MissingTopicError, TimedOutError
from rendezvous_client.questions import partition_of
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import AddModel, SetRoute
from scoring.v1.request_pb2 import Request
from scoring.v1.status_pb2 import Refusal, Status

from tests.support.broker import produce
from tests.support.control import model, route

pytestmark = pytest.mark.kafka

PARTITIONS = 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        create_topics(broker.bootstrap_servers, PARTITIONS)
        yield broker


@pytest.fixture
def kafka(broker: Broker) -> Kafka:
    return Kafka(broker.bootstrap_servers)


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
        self._requests = follow(kafka, "requests", Request.FromString, idle_s=2)

    def run(self) -> None:
        producer = Producer(self._kafka.producer_config())
        for followed in self._requests:
            assert followed.message is not None
            request_id = followed.message.id
            answer = Answer(id=request_id, route=followed.message.route).SerializeToString()
            for _ in range(1 if self.partitions else 2):
                producer.produce("answers", answer, request_id, followed.partition)
            producer.poll(0)
            self.partitions[request_id] = followed.partition
        assert producer.flush(10) == 0


def test_questions_get_their_answers_and_not_those_of_others(kafka: Kafka) -> None:
    echo = Echo(kafka)
    echo.start()
    with Asker(kafka) as asker:
        first = asker.ask(Question("wine", {"alcohol": 9.4}, id="first"))
        questions = [Question("wine", {"alcohol": number}) for number in range(20)]
        answers = list(asker.ask_all(questions))
    echo.join()

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
