"""What a process knows about its broker, with clients that reach it and clients that do not."""

import pytest
from confluent_kafka import Consumer, Producer
from rendezvous_local.ports import free_port
from rendezvous_runtime.broker_state import BrokerState
from rendezvous_runtime.errors import DataPlaneError

from tests.support.broker import create_topic, unique

pytestmark = pytest.mark.kafka


def clients(bootstrap: str) -> tuple[Consumer, Producer]:
    config = {"bootstrap.servers": bootstrap, "log_level": 0}
    return Consumer({**config, "group.id": "unused"}), Producer(config)


@pytest.mark.parametrize("stuck", ["consumer", "producer"])
def test_clients_that_stay_cut_off_from_a_broker_that_is_there_end_the_process(
    kafka: str, stuck: str
) -> None:
    topic = create_topic(kafka, unique("topic"))
    (consumer, producer), (lost_consumer, lost_producer) = clients(kafka), clients(f"127.0.0.1:{free_port()}")
    state = BrokerState(kafka)
    state.lost("a test")
    both = (lost_consumer, producer) if stuck == "consumer" else (consumer, lost_producer)
    try:
        for _ in range(9):
            state.find_again(*both, [topic], 0.1, {"bootstrap.servers": kafka})
            assert not state.reachable

        def go_on() -> None:
            for _ in range(20):
                state.find_again(*both, [topic], 0.1, {"bootstrap.servers": kafka})

        with pytest.raises(DataPlaneError, match="has to start again"):
            go_on()
    finally:
        consumer.close()
        lost_consumer.close()


def test_a_broker_that_is_away_ends_nothing_and_is_found_again(kafka: str) -> None:
    topic = create_topic(kafka, unique("topic"))
    away = f"127.0.0.1:{free_port()}"
    (consumer, producer), (lost_consumer, lost_producer) = clients(kafka), clients(away)
    state = BrokerState(kafka)
    state.lost("a test")
    try:
        for _ in range(15):
            state.find_again(lost_consumer, lost_producer, [topic], 0.02, {"bootstrap.servers": away})
        assert not state.reachable
        state.find_again(consumer, producer, [topic], 5.0, {"bootstrap.servers": kafka})
        assert state.reachable
    finally:
        consumer.close()
        lost_consumer.close()
