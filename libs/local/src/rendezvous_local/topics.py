"""Creates the topics of the contracts in a broker."""

import time
import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from rendezvous_contracts.topics import TOPICS, TopicSpec

from rendezvous_local.errors import LocalError, NotReadyError

_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.02
_EVERY_S: Final = 0.05


def create_topics(bootstrap_servers: str, partitions: int, specs: Iterable[TopicSpec] = TOPICS) -> None:
    """
    Create the topics that do not exist yet, per-request ones with *partitions*, and wait for them.

    Raises LocalError when one exists with another number of partitions, NotReadyError when the broker does
    not do it within 30 seconds.
    """
    wanted = {spec.name: (spec, partitions if spec.per_request else 1) for spec in specs}
    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})
    new = [
        NewTopic(name, num_partitions=count, replication_factor=1, config=dict(spec.config))
        for name, (spec, count) in wanted.items()
    ]
    for name, future in admin.create_topics(new, operation_timeout=_TIMEOUT_S).items():
        try:
            future.result(_TIMEOUT_S)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise NotReadyError(f"topic {name} could not be created: {error.args[0].str()}") from error
    _await_partitions(admin, {name: count for name, (_, count) in wanted.items()})


def _await_partitions(admin: AdminClient, wanted: Mapping[str, int]) -> None:
    """Wait until the broker, which learns of a new topic a little later, has a leader for each partition."""
    deadline = time.monotonic() + _TIMEOUT_S
    for name, count in wanted.items():
        while (there := _led_partitions(admin, name)) != count:
            if there > count or time.monotonic() > deadline:
                raise LocalError(
                    f"topic {name} has {there} partitions, not {count}: the number cannot change under data; "
                    f"keep to {there}, or start with an empty data directory"
                )
            time.sleep(_POLL_S)


def _led_partitions(admin: AdminClient, name: str) -> int:
    topic = admin.list_topics(timeout=_TIMEOUT_S).topics.get(name)
    return sum(partition.leader >= 0 for partition in topic.partitions.values()) if topic else 0
