"""A receiver of spans, by OTLP over HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status


@dataclass(frozen=True)
class Received:
    """One span as it came; ids in hexadecimal, times in nanoseconds."""

    name: str
    service: str
    trace: str
    id: str
    parent: str
    kind: int
    links: tuple[str, ...]
    start_ns: int
    end_ns: int
    attributes: dict[str, object]
    failed: bool


class Receiver(ThreadingHTTPServer):
    """Takes what comes on a port of the loopback; *spans* in the order of their coming."""

    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.spans: list[Received] = []

    @property
    def endpoint(self) -> str:
        """Where spans go."""
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    def of(self, trace: str) -> list[Received]:
        """Return the spans of *trace*."""
        return [span for span in self.spans if span.trace == trace]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.server.spans += [_read(span, named["service.name"]) for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's
        """Say nothing."""


def _read(span: Span, service: str) -> Received:
    return Received(
        name=span.name,
        service=service,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        kind=span.kind,
        links=tuple(link.span_id.hex() for link in span.links),
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        attributes={
            each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value")
            for each in span.attributes
        },
        failed=span.status.code == Status.STATUS_CODE_ERROR,
    )


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Yield a receiver that runs until the block ends."""
    receiver = Receiver()
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,), name="otlp-receiver")
    thread.start()
    try:
        yield receiver
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()
