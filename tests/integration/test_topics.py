"""`rendezvous topics` against a real broker."""

import json

import pytest
from rendezvous_cli.main import app
from rendezvous_contracts.topics import TOPICS
from rendezvous_local.broker import Broker
from typer.testing import CliRunner, Result

pytestmark = pytest.mark.kafka


def topics(broker: Broker, *options: str) -> Result:
    arguments = ["topics", "-b", broker.bootstrap_servers, "-o", "json", *options]
    return CliRunner().invoke(app, arguments)


def test_topics_are_created_once_and_their_partitions_stay(fresh_broker: Broker) -> None:
    first, second = (json.loads(topics(fresh_broker, "--partitions", "3").stdout) for _ in range(2))
    other = topics(fresh_broker, "--partitions", "5")

    assert {each["topic"]: each["partitions"] for each in first} == {
        spec.name: 3 if spec.per_request else 1 for spec in TOPICS
    }
    assert {each["result"] for each in first} == {"created"}
    assert {each["result"] for each in second} == {"unchanged"}
    assert (other.exit_code, "has 3 partitions, not 5" in other.stderr) == (1, True)


def test_more_replicas_than_brokers_are_refused_with_the_reason(fresh_broker: Broker) -> None:
    result = topics(fresh_broker, "--replication-factor", "2")
    assert result.exit_code == 1
    assert "could not be created" in result.stderr
    assert "replication" in result.stderr.lower()
