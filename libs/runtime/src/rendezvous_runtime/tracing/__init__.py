"""
Traces: one for each request that is sampled, from the gateway to its answer, with a span for each hop.

The W3C trace context travels in the header `traceparent`. Who samples is the gateway, or whoever asked it;
the other services go by the flag in the header. Without an endpoint in the settings there is no Tracing, and
OpenTelemetry is not imported.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from rendezvous_runtime.clock import Now
from rendezvous_runtime.errors import SettingsError
from rendezvous_runtime.settings import ENV_PREFIX, ServiceSettings
from rendezvous_runtime.stream import Record, Send

if TYPE_CHECKING:
    from rendezvous_runtime.tracing.spans import Tracing


class BatchTraces(Protocol):
    """What the data plane asks of traces: once for each batch."""

    def on_records(self, records: Sequence[Record], sends: Sequence[Send], now: Now) -> Sequence[Send]:
        """Return *sends*, which came of *records*, with the context of their spans in their headers."""
        ...

    def on_time(self, sends: Sequence[Send], now: Now) -> Sequence[Send]:
        """Return *sends*, which came of time, in the same way."""
        ...


def start_tracing(settings: ServiceSettings, *, rate: float = 0.0) -> "Tracing | None":
    """
    Return how to trace as *settings* say; None without an endpoint.

    *rate*: the share of requests that begin here and are sampled. Raises SettingsError if OpenTelemetry is
    not installed.
    """
    if settings.traces_endpoint is None:
        return None
    try:
        from rendezvous_runtime.tracing.spans import Tracing  # noqa: PLC0415 - an extra, and half a second
    except ImportError as error:
        raise SettingsError(
            f"{ENV_PREFIX}TRACES_ENDPOINT is set, and OpenTelemetry is not installed ({error}): install "
            "rendezvous-runtime[tracing], or unset it"
        ) from error
    return Tracing(settings, settings.traces_endpoint, rate)
