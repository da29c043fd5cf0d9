"""Whether the broker can be reached, and whether it has the topics: logged once per change."""

from collections.abc import Sequence
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from rendezvous_runtime.errors import DataPlaneError
from rendezvous_runtime.kafka import Config

_LOG: Final = structlog.get_logger(__name__)
# The event bears only the code of a fatal error; what it is about is in its text.
_FENCED: Final = "group.instance.id"
# A broker that comes back is found within a second or two. Longer, and a new client is asked to compare.
_PROBES_UNTIL_COMPARED: Final = 10
_COMPARISONS: Final = 3
_COMPARE_S: Final = 0.5


def is_fatal(error: KafkaError) -> bool:
    """Return whether the client that told of *error* can do nothing more."""
    return bool(error.fatal() or error.code() == KafkaError._FATAL)  # noqa: SLF001 - the client's own constant


class BrokerState:
    """What consumer and producer told about their connection; *on_error* is the error_cb of both."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._where = bootstrap_servers
        self.reachable = True
        self.fatal: KafkaError | None = None
        self._last = ""
        self._probes = 0
        self._others = 0

    def on_error(self, error: KafkaError) -> None:
        """Take in an event of a client."""
        if is_fatal(error):
            self.fatal = self.fatal or error
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - the client's own constant
            self.lost(self._last or error.str())
        else:
            self._last = error.str()

    def lost(self, why: str) -> None:
        """The broker cannot be reached."""
        if self.reachable:
            self.reachable = False
            _LOG.warning("broker unreachable", bootstrap_servers=self._where, why=why)

    def back(self) -> None:
        """The broker has answered."""
        self._probes = self._others = 0
        if not self.reachable:
            self.reachable = True
            _LOG.info("broker reachable again", bootstrap_servers=self._where)

    def check(self) -> None:
        """Raise DataPlaneError after an error that no retry heals."""
        if self.fatal is None:
            return
        text = self.fatal.str()
        hint = "; another process has the same instance name: give each its own" if _FENCED in text else ""
        raise DataPlaneError(f"the Kafka client cannot go on: {text}{hint}")

    def probe(self, consumer: Consumer, topics: Sequence[str], timeout_s: float) -> bool:
        """
        Ask the broker for *topics*; return whether it answered.

        Raises DataPlaneError if one is missing, or if they are not partitioned alike.
        """
        try:
            known = consumer.list_topics(timeout=timeout_s).topics
        except KafkaException as error:
            self.lost(error.args[0].str())
            return False
        self.back()
        counts = {topic: len(known[topic].partitions) if topic in known else 0 for topic in topics}
        missing = sorted(topic for topic, count in counts.items() if count == 0)
        if missing:
            raise DataPlaneError(
                f"no topic {', '.join(missing)} on {self._where}; create the topics before the services start"
            )
        if len(set(counts.values())) > 1:
            raise DataPlaneError(f"topics that are read together need as many partitions each, not {counts}")
        return True

    def find_again(
        self, consumer: Consumer, producer: Producer, topics: Sequence[str], timeout_s: float, config: Config
    ) -> None:
        """
        Ask with both clients whether the broker is back; to be called about once a second while it is away.

        Raises DataPlaneError when it keeps answering a new client of *config*, and not these. The library
        forgets every broker when one that starts or stops names none, and may not connect again (its issue
        5301); only new clients help then, and what is not acknowledged is read again.
        """
        if _answers(producer, timeout_s) and self.probe(consumer, topics, timeout_s):
            return
        self._probes += 1
        if self._probes < _PROBES_UNTIL_COMPARED:
            return
        self._others = self._others + 1 if _answers(AdminClient(config), _COMPARE_S) else 0
        if self._others >= _COMPARISONS:
            raise DataPlaneError(
                f"{self._where} answers a new client and, for {self._probes} attempts, not the ones of this "
                "process: it has to start again"
            )


def _answers(client: AdminClient | Consumer | Producer, timeout_s: float) -> bool:
    try:
        return bool(client.list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False
