"""The small parts of the data plane."""

from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from pydantic import SecretStr
from rendezvous_runtime.assignment import co_partitions
from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.kafka import consumer_config, producer_config, recovery_config

from tests.support.relay import RelaySettings


def assigned(*where: tuple[str, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, number in where]


def test_the_partitions_are_the_numbers_that_every_topic_has() -> None:
    both = assigned(("a", 0), ("a", 2), ("b", 2), ("b", 0))
    assert co_partitions(both, ("a", "b")) == {0, 2}
    assert co_partitions([], ("a", "b")) == frozenset()


@pytest.mark.parametrize("where", [[("a", 0)], [("a", 0), ("b", 1)], [("a", 0), ("b", 0), ("b", 1)]])
def test_partitions_that_do_not_go_together_are_refused(where: list[tuple[str, int]]) -> None:
    with pytest.raises(DataPlaneError, match="not assigned together"):
        co_partitions(assigned(*where), ("a", "b"))


def test_every_client_is_let_in_the_same_way() -> None:
    settings = RelaySettings(
        security_protocol="SASL_SSL",
        sasl_username="me",
        sasl_password=SecretStr("word"),
        ssl_ca_location=Path("/ca"),
    )
    for config in (consumer_config(settings), producer_config(settings), recovery_config(settings)):
        assert config["security.protocol"] == "SASL_SSL"
        assert config["sasl.mechanism"] == "SCRAM-SHA-512"
        assert (config["sasl.username"], config["sasl.password"]) == ("me", "word")
        assert config["ssl.ca.location"] == "/ca"


def test_without_security_no_credentials_are_given() -> None:
    assert not [key for key in consumer_config(RelaySettings()) if key.startswith(("sasl", "ssl"))]


def test_the_process_is_a_static_member_with_the_session_that_was_asked_for() -> None:
    config = consumer_config(RelaySettings(instance="relay-7", session_timeout_ms=3_000))
    assert config["group.instance.id"] == "relay-7"
    assert config["session.timeout.ms"] == 3_000
    assert config["heartbeat.interval.ms"] == 500
