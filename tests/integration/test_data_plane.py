from collections import Counter
from collections.abc import Callable, Iterator

import pytest
from prometheus_client import CollectorRegistry
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.data_plane import DataPlane
from rendezvous_runtime.metrics import PlaneMetrics
from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import Handler

from tests.support.broker import consume_all, create_topic, produce, unique
from tests.support.polling import wait_until
from tests.support.relay import Relay

pytestmark = pytest.mark.kafka

Starter = Callable[..., DataPlane]


class RelaySettings(ServiceSettings):
    service = "relay"


@pytest.fixture
def start(kafka: str) -> Iterator[Starter]:
    """Start a plane; all that were started end with the test."""
    planes: list[DataPlane] = []

    def run(handler: Handler, group: str, instance: str = "relay-0", **settings: object) -> DataPlane:
        given = {"bootstrap_servers": kafka, "group": group, "instance": instance} | settings
        plane = DataPlane(
            handler,
            RelaySettings.model_validate(given),
            clock=SystemClock(),
            metrics=PlaneMetrics(CollectorRegistry()),
        )
        plane.start()
        planes.append(plane)
        return plane

    yield run
    for plane in planes:
        plane.stop(2.0)


def topics(kafka: str, partitions: int = 2) -> tuple[str, str]:
    return create_topic(kafka, unique("source"), partitions), create_topic(
        kafka, unique("target"), partitions
    )


def test_every_record_goes_through_once_and_its_offset_is_committed(kafka: str, start: Starter) -> None:
    source, target = topics(kafka)
    values = [b"%d" % number for number in range(1_000)]
    produce(kafka, source, values[:500], partition=0)
    produce(kafka, source, values[500:], partition=1)
    group = unique("group")
    plane = start(Relay(source, target), group)
    wait_until(lambda: len(consume_all(kafka, target)) >= 1_000, 10, "all records are through")
    assert plane.stop(5.0)
    assert Counter(each.value for each in consume_all(kafka, target)) == Counter(values)
    again = Relay(source, target)
    start(again, group)
    produce(kafka, source, [b"new"])
    wait_until(lambda: again.seen[b"new"], 10, "the next process goes on")
    assert again.seen == {b"new": 1}
