"""Spans by OpenTelemetry, sent by OTLP over HTTP."""

import threading
from collections.abc import Iterable, Mapping
from typing import Final

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rendezvous_runtime.settings import ServiceSettings
from rendezvous_runtime.stream import Headers

TRACEPARENT: Final = "traceparent"
Attributes = Mapping[str, str | int | float | bool]
_PROPAGATOR: Final = TraceContextTextMapPropagator()
_EXPORT_S: Final = 2.0
_CLOSE_S: Final = 3.0
_DELAY_MS: Final = 1_000
_NOTHING: Final = Context()


class Tracing:
    """Makes spans and sends them to *endpoint*; close it. Of requests that begin here *rate* is sampled."""

    def __init__(self, settings: ServiceSettings, endpoint: str, rate: float) -> None:
        resource = Resource.create(
            {
                "service.namespace": "rendezvous",
                "service.name": settings.service,
                "service.instance.id": settings.instance,
            }
        )
        # Who shuts it down is close, in a bounded time: at the exit of the interpreter it would take 30 s.
        self._provider = TracerProvider(
            resource=resource, sampler=ParentBased(TraceIdRatioBased(rate)), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_S)
        self._provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_DELAY_MS))
        self._tracer = self._provider.get_tracer("rendezvous")

    def begin(
        self,
        name: str,
        parent: SpanContext | Headers | None,
        kind: SpanKind,
        at_us: int,
        *,
        attributes: Attributes,
        links: Iterable[SpanContext] = (),
    ) -> Span | None:
        """Return a span that begins at *at_us*, microseconds since the epoch; None if it is not sampled."""
        span = self._tracer.start_span(
            name,
            context=_as_parent(parent),
            kind=kind,
            attributes=attributes,
            links=[Link(each) for each in links],
            start_time=at_us * 1_000,
        )
        return span if span.is_recording() else None

    def close(self) -> None:
        """Send what is left; in a bounded time, whether anybody takes it or not."""
        closing = threading.Thread(target=self._provider.shutdown, name="tracing-close", daemon=True)
        closing.start()
        closing.join(_CLOSE_S)


def end(span: Span, at_us: int, problem: str = "") -> None:
    """End *span* at *at_us*, or where it began if that is later; *problem* is why it came to nothing."""
    if problem:
        span.set_status(Status(StatusCode.ERROR, problem))
    start_ns = getattr(span, "start_time", None) or 0
    span.end(max(at_us * 1_000, start_ns))


def sampled(headers: Headers | None) -> SpanContext | None:
    """Return the context that *headers* bear, if it is to be traced."""
    if not headers:
        return None
    context = get_current_span(_as_parent(headers)).get_span_context()
    return context if context.is_valid and context.trace_flags.sampled else None


def with_context(headers: Headers | None, context: SpanContext) -> Headers:
    """Return *headers* with *context* in place of the one that they bear."""
    kept = [header for header in headers or () if header[0] != TRACEPARENT]
    text = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return [*kept, (TRACEPARENT, text.encode())]


def _as_parent(parent: SpanContext | Headers | None) -> Context:
    """Return *parent* as OpenTelemetry takes it; never the context that is current here by chance."""
    if isinstance(parent, SpanContext):
        return set_span_in_context(NonRecordingSpan(parent), _NOTHING)
    for name, value in parent or ():
        if name == TRACEPARENT:
            return _PROPAGATOR.extract({TRACEPARENT: value.decode(errors="replace")}, _NOTHING)
    return _NOTHING
