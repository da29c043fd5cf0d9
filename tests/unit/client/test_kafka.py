import time

import pytest
from confluent_kafka import KafkaError
from rendezvous_client.control import ControlPublisher, new_control
from rendezvous_client.errors import ClientError, MissingTopicError, TooLargeError, UnreachableError
from rendezvous_client.kafka import Kafka, security_options
from rendezvous_client.reading import TopicReader
from rendezvous_client.status import LIVE_S, Heard
from scoring.v1.control_pb2 import AddModel
from scoring.v1.status_pb2 import Status

from tests.support.control import model

# Port 1 is reserved, and nothing listens on it.
NOWHERE = Kafka("127.0.0.1:1", timeout_s=0.5)


def test_a_broker_that_is_not_there_is_named_soon() -> None:
    started = time.monotonic()

    with pytest.raises(UnreachableError, match=r"no broker answers at 127\.0\.0\.1:1"):
        TopicReader(NOWHERE, "control")

    assert time.monotonic() - started < 5


def test_a_message_for_a_broker_that_is_not_there_is_given_up() -> None:
    with (
        ControlPublisher(NOWHERE) as publisher,
        pytest.raises(UnreachableError, match=r"no broker answers at 127\.0\.0\.1:1"),
    ):
        publisher.publish(new_control(AddModel(model=model()), "ada"))


def test_a_message_that_no_broker_takes_is_refused_with_the_way_out() -> None:
    big = new_control(AddModel(model=model(data=b"x" * 1_000_000)), "ada")

    with (
        ControlPublisher(NOWHERE) as publisher,
        pytest.raises(TooLargeError, match="by its location instead"),
    ):
        publisher.publish(big)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (KafkaError._TRANSPORT, UnreachableError),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, MissingTopicError),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, ClientError),
    ],
)
def test_errors_of_the_library_become_the_clients_own(code: int, kind: type[ClientError]) -> None:
    assert type(NOWHERE.explain(KafkaError(code), "control")) is kind


def test_security_comes_from_the_variables_that_the_services_read() -> None:
    environment = {"RENDEZVOUS_SASL_PASSWORD": "secret", "RENDEZVOUS_SSL_CA_LOCATION": "", "HOME": "/"}

    options = security_options(environment)

    assert options == {"sasl.password": "secret"}
    assert "secret" not in repr(Kafka("b:1", options))


def test_who_was_silent_or_said_farewell_is_not_counted_on() -> None:
    assert Heard(Status(instance="a"), at_s=100).is_live(100 + LIVE_S - 0.1)
    assert not Heard(Status(instance="a"), at_s=100).is_live(100 + LIVE_S)
    assert not Heard(Status(instance="a", stopping=True), at_s=100).is_live(100)
