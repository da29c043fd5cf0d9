"""
Calls over gRPC: one channel for each model, kept and reconnected by the library, each call with a deadline.

The library repeats a call by itself only where the server has not seen it. Neither proxies of the environment
nor service configurations from DNS are followed.
"""

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

import grpc

from rendezvous_models.contract import RuntimeOptions
from rendezvous_models.runtimes.remote_access import read_headers, read_secret
from rendezvous_models.runtimes.remote_document import GrpcDocument
from rendezvous_models.runtimes.remote_runtime import CallError

_MAX_MESSAGE: Final = 64 << 20
_CHANNEL: Final = (
    ("grpc.max_receive_message_length", _MAX_MESSAGE),
    ("grpc.max_send_message_length", _MAX_MESSAGE),
    ("grpc.enable_http_proxy", 0),
    ("grpc.service_config_disable_resolution", 1),
    # A server that is back is found within a second; the library's own longest pause is two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # Lets the kernel give a connection up whose other end has gone without a word: after 5 s, not 15 minutes.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Two models of one process on one server have a connection each, so that closing one disturbs no other.
    ("grpc.use_local_subchannel_pool", 1),
)
# What speaks against the server rather than against what was asked.
_BLAMES: Final = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.ABORTED,
    }
)

Method = Callable[..., Any]


class GrpcCaller:
    """Calls the server of *document*; a method's path is /package.Service/Method."""

    def __init__(self, document: GrpcDocument, options: RuntimeOptions) -> None:
        self._document = document
        self._options = options
        self._metadata: tuple[tuple[str, str], ...] = ()
        self.refresh()
        self.channel = self._open()

    def method(self, path: str, response: Any) -> Method:
        """Return the method at *path*, which answers messages of the class *response*."""
        made: Method = self.channel.unary_unary(
            path,
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=response.FromString,
        )
        return made

    def _open(self) -> grpc.Channel:
        parts = urlsplit(self._document.url)
        if parts.scheme == "grpc":
            return grpc.insecure_channel(parts.netloc, options=_CHANNEL)
        name = self._document.ca_file
        roots = read_secret("ca_file", name, self._options) if name else None
        return grpc.secure_channel(parts.netloc, grpc.ssl_channel_credentials(roots), options=_CHANNEL)

    def refresh(self) -> None:
        """Read the headers' values again; raises RuntimeUnavailableError."""
        headers = read_headers(self._document, self._options)
        self._metadata = tuple((name.lower(), value) for name, value in headers.items())

    def call(self, method: Method, request: object, timeout_s: float) -> Any:
        """Return what *method* of the channel answers to *request* within *timeout_s*; raises CallError."""
        try:
            return method(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _call_error(error, timeout_s) from error
        except ValueError as error:  # what cannot be serialized, or a channel that was closed
            raise CallError(f"the call cannot be made: {error}", blames=False, reached=False) from error

    def close(self) -> None:
        """Close the connection."""
        self.channel.close()


def status_of(error: CallError) -> grpc.StatusCode | None:
    """Return the status with which the server ended the call that raised *error*."""
    cause = error.__cause__
    return cause.code() if isinstance(cause, grpc.RpcError) and isinstance(cause, grpc.Call) else None


def _call_error(error: grpc.RpcError, timeout_s: float) -> CallError:
    code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
    details = (error.details() or "" if isinstance(error, grpc.Call) else str(error)) or "no details"
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return CallError(f"the server did not answer within {timeout_s * 1e3:.1f} ms", blames=True)
    if code is grpc.StatusCode.UNAVAILABLE:
        reached = not ("connect" in details.lower() or "resol" in details.lower())
        return CallError(f"the server could not be reached: {details}", blames=True, reached=reached)
    return CallError(f"the server answered {code.name}: {details}", blames=code in _BLAMES)
