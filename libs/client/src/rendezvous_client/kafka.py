"""How the client reaches the broker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, KafkaException

from rendezvous_client.errors import ClientError, MissingTopicError, UnreachableError

# Brokers take 1,048,588 bytes in a record as they come; the rest is left for keys and headers.
MAX_RECORD_BYTES: Final = 1_000_000

Config = dict[str, str | int | float | bool | Callable[[KafkaError], None]]

_SECURITY: Final = {
    "RENDEZVOUS_SECURITY_PROTOCOL": "security.protocol",
    "RENDEZVOUS_SASL_MECHANISM": "sasl.mechanism",
    "RENDEZVOUS_SASL_USERNAME": "sasl.username",
    "RENDEZVOUS_SASL_PASSWORD": "sasl.password",
    "RENDEZVOUS_SSL_CA_LOCATION": "ssl.ca.location",
    "RENDEZVOUS_SSL_CERTIFICATE_LOCATION": "ssl.certificate.location",
    "RENDEZVOUS_SSL_KEY_LOCATION": "ssl.key.location",
    "RENDEZVOUS_SSL_KEY_PASSWORD": "ssl.key.password",
}


@dataclass(frozen=True, slots=True)
class Kafka:
    """
    Where the broker is.

    *options*: librdkafka properties, for security. *timeout_s*: how long it may be silent before it counts as
    unreachable.
    """

    bootstrap_servers: str
    options: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold a password
    timeout_s: float = 3.0
    _refusals: list[str] = field(default_factory=list, init=False, repr=False, compare=False)

    def consumer_config(self) -> Config:
        """Return the configuration of a reader that joins no group and commits nothing."""
        return self._connection() | {
            # The client library wants a name; nothing is ever committed under it.
            "group.id": "rendezvous.client",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            # The defaults, 1,000 and 500 ms, are pauses that a person notices.
            "fetch.queue.backoff.ms": 2,
            "fetch.wait.max.ms": 50,
        }

    def producer_config(self) -> Config:
        """Return the configuration of a writer that loses nothing and gives up after the timeout."""
        return self._connection() | {
            "linger.ms": 0,
            "acks": "all",
            "enable.idempotence": True,
            "message.timeout.ms": round(self.timeout_s * 1000),
            "message.max.bytes": MAX_RECORD_BYTES + 10_000,
        }

    def admin_config(self) -> Config:
        """Return the configuration of who looks at topics, or makes them."""
        return self._connection()

    def _connection(self) -> Config:
        return {
            **self.options,
            "bootstrap.servers": self.bootstrap_servers,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1_000,
            "allow.auto.create.topics": False,
            # What fails is raised; the library's own lines would say it again on stderr.
            "log_level": 0,
            "error_cb": self._note,
        }

    def _note(self, error: KafkaError) -> None:
        # What fails for this says only that nothing has answered in time. A broker that misses a certificate
        # says so after the handshake, and the library calls it a broken connection.
        if error.code() in _NOT_LET_IN or _ALERT in error.str():
            self._refusals.append(error.str())

    def explain(self, error: KafkaException | KafkaError, topic: str) -> ClientError:
        """Return *error*, met on *topic*, as one of this package."""
        cause = error.args[0] if isinstance(error, KafkaException) else error
        if cause.code() in _AWAY and self._refusals:
            return ClientError(
                f"the broker at {self.bootstrap_servers} does not let us in, or is another than it should be:"
                f" {self._refusals[-1]}; correct RENDEZVOUS_SECURITY_PROTOCOL, _SASL_… and _SSL_…"
            )
        if cause.code() in _AWAY:
            return UnreachableError(
                f"no broker answers at {self.bootstrap_servers}: start it, or name another"
            )
        if cause.code() in _MISSING:
            return MissingTopicError(
                f"the broker at {self.bootstrap_servers} has no topic {topic}: start the services"
            )
        return ClientError(f"topic {topic} at {self.bootstrap_servers}: {cause.str()}")


_AWAY: Final = frozenset(
    {
        KafkaError._TRANSPORT,  # noqa: SLF001 the library's names for its own errors
        KafkaError._ALL_BROKERS_DOWN,  # noqa: SLF001 as above
        KafkaError._TIMED_OUT,  # noqa: SLF001 as above
        KafkaError._MSG_TIMED_OUT,  # noqa: SLF001 as above
        KafkaError._RESOLVE,  # noqa: SLF001 as above
    }
)
_NOT_LET_IN: Final = frozenset(
    {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 as above
        KafkaError._SSL,  # noqa: SLF001 as above
    }
)
_ALERT: Final = "tls alert"
_MISSING: Final = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001 as above
        KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001 as above
    }
)


def is_away(error: KafkaError) -> bool:
    """Return whether *error* says that the broker does not answer now, which may pass."""
    return error.code() in _AWAY


def security_options(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the options that the RENDEZVOUS_* variables of *environment* name, as the services read them."""
    return {option: environment[name] for name, option in _SECURITY.items() if environment.get(name)}
