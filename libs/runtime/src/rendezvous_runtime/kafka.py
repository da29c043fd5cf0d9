"""
How every client of the per-request topics is configured: each value once, with its reason.

What is set here is set because the default costs latency, throughput, memory or safety; the figures are in
docs/performance.md.
"""

from typing import Final

from rendezvous_runtime.settings import KafkaSettings, ServiceSettings

Config = dict[str, str | int | float | bool]

# The largest record that is produced. Brokers take 1,048,588 bytes: a client that refuses earlier turns a
# record that is too large into an error of that record alone.
MAX_RECORD_BYTES: Final = 1_000_000
# Records handed to a handler at once. More gains nothing and makes timers wait.
MAX_BATCH: Final = 2_000
# Unacknowledged records at which reading pauses, and at which it goes on.
PAUSE_AT: Final = 200_000
RESUME_AT: Final = 50_000
MAX_POLL_INTERVAL_MS: Final = 300_000


def connection_config(settings: KafkaSettings) -> Config:
    """Return what any client needs to reach the broker and to be let in."""
    config: Config = {
        "bootstrap.servers": settings.bootstrap_servers,
        "security.protocol": settings.security_protocol,
        # The default lets a client wait 10 s after an outage is over.
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 1_000,
        # A small record must not wait for the next.
        "socket.nagle.disable": True,
        # A missing topic is an error that somebody has to see.
        "allow.auto.create.topics": False,
        # Its own lines repeat with every retry; errors reach us as events, and we log each change once.
        "log_level": 2,
    }
    return config | _sasl(settings) | _ssl(settings)


def _sasl(settings: KafkaSettings) -> Config:
    if not settings.security_protocol.startswith("SASL"):
        return {}
    password = settings.sasl_password.get_secret_value() if settings.sasl_password else ""
    return {
        "sasl.mechanism": settings.sasl_mechanism,
        "sasl.username": settings.sasl_username or "",
        "sasl.password": password,
    }


def _ssl(settings: KafkaSettings) -> Config:
    locations = {
        "ssl.ca.location": settings.ssl_ca_location,
        "ssl.certificate.location": settings.ssl_certificate_location,
        "ssl.key.location": settings.ssl_key_location,
    }
    config: Config = {key: str(path) for key, path in locations.items() if path is not None}
    if settings.ssl_key_password is not None:
        config["ssl.key.password"] = settings.ssl_key_password.get_secret_value()
    return config


def _fetch_config() -> Config:
    return {
        # The default, 1,000 ms, is a pause whenever the local queue has been full: a factor of 2.8.
        "fetch.queue.backoff.ms": 1,
        # A fetch that is parked for the quiet partitions holds up the one that has just become busy.
        "fetch.wait.max.ms": 50,
        "fetch.min.bytes": 1,
        # Read ahead enough to keep the handler busy; together at most 64 MB.
        "queued.min.messages": 100_000,
        "queued.max.messages.kbytes": 65_536,
        # Records of a transaction that was aborted were never written.
        "isolation.level": "read_committed",
    }


# For a reader on which nobody waits: each fetch is work for the broker, whatever it brings.
_UNHURRIED: Final[Config] = {"fetch.min.bytes": 100_000, "fetch.wait.max.ms": 250}


def consumer_config(settings: ServiceSettings) -> Config:
    """Return the configuration of the consumer of the handler's topics."""
    return {
        **connection_config(settings),
        **_fetch_config(),
        **({} if settings.hurried else _UNHURRIED),
        "client.id": settings.instance,
        "group.id": settings.group,
        # A process that comes back as the same instance gets its partitions back without a rebalance.
        "group.instance.id": settings.instance,
        "group.protocol": "classic",
        # Co-partitions go together: partition n of every topic to the same process.
        "partition.assignment.strategy": "range",
        # How long the partitions of a process that died are without one.
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": max(100, settings.session_timeout_ms // 6),
        "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
        # Offsets are committed by the data plane alone, once the effects are acknowledged.
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # A group that is new reads all that is there; so does one whose offsets retention has overtaken.
        "auto.offset.reset": "earliest",
    }


def reader_config(settings: ServiceSettings, name: str) -> Config:
    """Return the configuration of a consumer that joins no group; *name* is the instance's for it."""
    return {
        **connection_config(settings),
        **_fetch_config(),
        "client.id": f"{settings.instance}-{name}",
        # The client library wants a name; nothing is ever committed under it.
        "group.id": f"{settings.group}.{name}",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
    }


def recovery_config(settings: ServiceSettings, name: str = "recovery") -> Config:
    """Return the same for a consumer that reads up to the end of the log, and is told where that is."""
    return {**reader_config(settings, name), "enable.partition.eof": True}


def producer_config(settings: ServiceSettings) -> Config:
    """Return the configuration of the one producer of a process."""
    return {
        **connection_config(settings),
        "client.id": settings.instance,
        # The default, 5 ms, is paid on every hop.
        "linger.ms": 0,
        # A reader sees a record only once it is replicated, so that asking for it costs no latency.
        "acks": "all",
        # In order and once per partition over retries, acknowledged in order: see delivery.py.
        "enable.idempotence": True,
        # A record that fails for good ends the process: the ones after it must not count as delivered.
        "enable.gapless.guarantee": True,
        # Never given up: a record that is dropped after a long outage would be a silent loss.
        "message.timeout.ms": 0,
        # Bounds what waits for the broker; the plane stops reading before the number is reached.
        "queue.buffering.max.messages": 500_000,
        "queue.buffering.max.kbytes": 131_072,
        "message.max.bytes": MAX_RECORD_BYTES,
        # A broker that is back is used at once.
        "retry.backoff.ms": 50,
        "retry.backoff.max.ms": 1_000,
        # Processor time is scarcer than network beside a broker of one's own.
        "compression.type": "none",
    }
