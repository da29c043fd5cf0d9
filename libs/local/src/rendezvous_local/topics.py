"""Creates the topics of the contracts in a broker."""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from rendezvous_contracts.topics import TOPICS, TopicSpec

from rendezvous_local.errors import LocalError, NotReadyError

_TIMEOUT_S: Final = 30.0
_POLL_S: Final = 0.02
_MARGIN_S: Final = 30.0


def create_topics(
    bootstrap_servers: str,
    partitions: int,
    specs: Iterable[TopicSpec] = TOPICS,
    *,
    replication_factor: int = 1,
    options: Mapping[str, str] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> tuple[str, ...]:
    """
    Create the topics that do not exist yet, per-request ones with *partitions*, and wait for them.

    *replication_factor*: on how many brokers each partition is kept. *options*: librdkafka properties, for
    security. Returns the names of those that were created. Raises LocalError when one exists with another
    number of partitions, NotReadyError when the broker does not do it within *timeout_s* seconds.
    """
    wanted = {spec.name: (spec, partitions if spec.per_request else 1) for spec in specs}
    admin = AdminClient({**(options or {}), "bootstrap.servers": bootstrap_servers, "log_level": 0})
    new = [
        NewTopic(name, num_partitions=count, replication_factor=replication_factor, config=dict(spec.config))
        for name, (spec, count) in wanted.items()
    ]
    created = []
    asked = admin.create_topics(new, operation_timeout=timeout_s, request_timeout=timeout_s)
    for name, future in asked.items():
        try:
            # The client gives up first, and says why.
            future.result(timeout_s + _MARGIN_S)
            created.append(name)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise NotReadyError(
                    f"topic {name} could not be created at {bootstrap_servers}: {error.args[0].str()}"
                ) from error
    for name, (_, count) in wanted.items():
        _await_partitions(admin, name, count)
    return tuple(created)


def _await_partitions(admin: AdminClient, name: str, count: int) -> None:
    """Wait until each partition has a leader: the broker learns of a new topic a little later."""
    deadline = time.monotonic() + _TIMEOUT_S
    why = "no leaders"
    while (left := deadline - time.monotonic()) > 0:
        try:
            topic = admin.list_topics(timeout=left).topics.get(name)
        except KafkaException as error:
            why = f"not been seen again ({error.args[0].str()})"
            time.sleep(_POLL_S)
            continue
        partitions = topic.partitions.values() if topic else ()
        if partitions and len(partitions) != count:
            raise LocalError(
                f"topic {name} has {len(partitions)} partitions, not {count}: the number cannot change under "
                f"data; keep to {len(partitions)}, or start with an empty data directory"
            )
        if partitions and all(partition.leader >= 0 for partition in partitions):
            return
        time.sleep(_POLL_S)
    raise NotReadyError(f"topic {name} has {why}, {_TIMEOUT_S:g} s after it was created")
