"""Creates the topics of the contracts in a broker."""

from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from rendezvous_contracts.topics import TOPICS, TopicSpec

from rendezvous_local.errors import LocalError, NotReadyError

_TIMEOUT_S: Final = 30.0


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
    _check_partitions(admin, {name: count for name, (_, count) in wanted.items()})


def _check_partitions(admin: AdminClient, wanted: dict[str, int]) -> None:
    topics = admin.list_topics(timeout=_TIMEOUT_S).topics
    for name, count in wanted.items():
        there = len(topics[name].partitions) if name in topics else 0
        if there != count:
            raise LocalError(
                f"topic {name} has {there} partitions, not {count}: the number cannot change under data; "
                f"keep to {there}, or start with an empty data directory"
            )
