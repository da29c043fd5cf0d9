"""
Calls over HTTP that end in time.

The client's own timeouts are for each read, so a server that sends a byte now and then, or a slow resolution
of a name, would outlast them: the call runs in an event loop of its own thread, which ends it as a whole.
Connections are kept and used again. A call is repeated, once, only where no connection was made; redirections
and proxies of the environment are not followed, for they lead to where the document does not say.
"""

import asyncio
import concurrent.futures
import json
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, Final

import httpx

from rendezvous_models.contract import RuntimeOptions
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.remote_access import read_headers, read_secret
from rendezvous_models.runtimes.remote_document import RemoteDocument
from rendezvous_models.runtimes.remote_runtime import CallError

_MAX_RESPONSE: Final = 64 << 20
# Of what a server says about an error, this much is shown.
_SHOWN: Final = 200
_SERVER_FAULT: Final = 500
_BUSY: Final = 429
_OK: Final = range(200, 300)
# The loop's own timeout comes first; this is for the case that the machine stands still.
_SLACK_S: Final = 0.005
_LONGEST_S: Final = 60.0
_CLOSE_S: Final = 5.0


class HttpCaller:
    """Calls the server of *document*, from any thread; close ends its thread."""

    def __init__(self, document: RemoteDocument, options: RuntimeOptions) -> None:
        self._document = document
        self._options = options
        self._headers: Mapping[str, str] = read_headers(document, options)
        self._verify = _verify(document, options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="remote-http", daemon=True)
        self._thread.start()
        self._client = self._in_loop(self._open(), _LONGEST_S)

    def refresh(self) -> None:
        """Read the headers' values again; raises RuntimeUnavailableError."""
        self._headers = read_headers(self._document, self._options)

    def call(self, method: str, url: str, timeout_s: float, body: object = None) -> Any:
        """
        Return the JSON that *url* answers within *timeout_s*; raises CallError.

        *body* is sent as JSON; None sends none.
        """
        try:
            content = None if body is None else json.dumps(body, allow_nan=False).encode()
        except ValueError as error:
            reason = f"the request cannot be sent as JSON: {error}"
            raise CallError(reason, blames=False, reached=False) from error
        status, answer = self._in_loop(self._call(method, url, content, timeout_s), timeout_s + _SLACK_S)
        if status not in _OK:
            raise CallError(f"the server answered {status}: {_shown(answer)}", blames=_blames(status))
        return _parsed(answer)

    def status(self, url: str, timeout_s: float) -> tuple[int, bytes]:
        """Return what a GET of *url* answers, whatever its status; raises CallError."""
        work = self._call("GET", url, None, timeout_s)
        found: tuple[int, bytes] = self._in_loop(work, timeout_s + _SLACK_S)
        return found

    def close(self) -> None:
        """Close the connections and end the thread."""
        with suppress(CallError):  # a name that is still being resolved
            self._in_loop(self._client.aclose(), _CLOSE_S)
            self._in_loop(self._loop.shutdown_default_executor(), _CLOSE_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_loop(self, work: Any, timeout_s: float) -> Any:
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result(timeout_s)
        except concurrent.futures.TimeoutError:
            future.cancel()
            raise CallError(
                f"the server did not answer within {timeout_s * 1e3:.1f} ms", blames=True
            ) from None

    async def _open(self) -> httpx.AsyncClient:
        transport = httpx.AsyncHTTPTransport(
            verify=self._verify, retries=1, trust_env=False, limits=httpx.Limits(max_connections=16)
        )
        return httpx.AsyncClient(
            transport=transport, timeout=_LONGEST_S, trust_env=False, follow_redirects=False
        )

    async def _call(
        self, method: str, url: str, content: bytes | None, timeout_s: float
    ) -> tuple[int, bytes]:
        connected = False

        async def trace(event: str, _: object) -> None:
            nonlocal connected
            connected = connected or event == "http11.send_request_headers.started"

        headers = dict(self._headers)
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._client.stream(
                    method, url, content=content, headers=headers, extensions={"trace": trace}
                ) as response,
            ):
                return response.status_code, await _body(response)
        except TimeoutError:
            what = "did not answer" if connected else "could not be reached"
            reason = f"the server {what} within {timeout_s * 1e3:.1f} ms"
            raise CallError(reason, blames=True, reached=connected) from None
        except httpx.HTTPError as error:
            what = "broke the call off" if connected else "could not be reached"
            reason = f"the server {what}: {type(error).__name__}: {error}"
            raise CallError(reason, blames=True, reached=connected) from error


async def _body(response: httpx.Response) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > _MAX_RESPONSE:
            raise CallError(f"the server's answer has more than {_MAX_RESPONSE} bytes", blames=True)
        parts.append(part)
    return b"".join(parts)


def _verify(document: RemoteDocument, options: RuntimeOptions) -> ssl.SSLContext:
    if document.ca_file is None:
        return ssl.create_default_context()
    pem = read_secret("ca_file", document.ca_file, options).decode("ascii", "replace")
    try:
        return ssl.create_default_context(cadata=pem)
    except (ssl.SSLError, ValueError) as error:
        raise BadModelError(f"ca_file: {document.ca_file} holds no certificate: {error}") from error


def _blames(status: int) -> bool:
    return status >= _SERVER_FAULT or status == _BUSY


def _parsed(answer: bytes) -> Any:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError) as error:
        reason = f"the server's answer is not JSON ({error}): {_shown(answer)}"
        raise CallError(reason, blames=False) from error


def _shown(answer: bytes) -> str:
    text = answer[: 4 * _SHOWN].decode("utf-8", "replace")[:_SHOWN]
    return "".join(each if each.isprintable() else " " for each in text) or "nothing"
