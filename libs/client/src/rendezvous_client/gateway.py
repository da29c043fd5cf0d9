"""Asking over HTTP, through the gateway."""

import http.client
import json
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import SplitResult, quote, urlsplit

from rendezvous_client.answers import Answered, from_document
from rendezvous_client.errors import GatewayError, TimedOutError, UnreachableError
from rendezvous_client.plain import to_json
from rendezvous_client.questions import Question, to_request

BUDGET_HEADER: Final = "X-Rendezvous-Budget-Ms"
_OK: Final = 200


class GatewayAsker:
    """
    Asks the gateway at *url* (http or https) over one connection that it keeps; close it. For one thread.

    *timeout_s* bounds each exchange: the gateway answers by the deadline, so it is for networks that fail.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        parts, port = _split(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._prefix = parts.path.rstrip("/")
        self._timeout_s = timeout_s
        self._connection = kind(parts.hostname or "", port, timeout=timeout_s)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def ask(self, question: Question) -> Answered:
        """Return the answer to *question*; raises BadQuestionError, or GatewayError with what it says."""
        request = to_request(question, 0)
        body = {
            "id": request.id,
            "fields": {name: to_json(value) for name, value in question.fields.items()},
            "key": request.key,
            "model": request.model,
        }
        headers = {"Content-Type": "application/json"}
        if question.budget_us:
            headers[BUDGET_HEADER] = f"{question.budget_us / 1000:.3f}"
        document = self._exchange(
            "POST", f"/v1/routes/{request.route}/ask", json.dumps(body).encode(), headers
        )
        try:
            return from_document(document)
        except (KeyError, TypeError) as error:
            raise GatewayError(f"{self._url} answered with what is no answer: {error!r}") from error

    def route(self, name: str) -> Mapping[str, Any]:
        """Return the route *name* as the gateway describes it."""
        return self._exchange("GET", f"/v1/routes/{quote(name, safe='')}", None, {})

    def _exchange(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> dict[str, Any]:
        try:
            status, content = self._send(method, path, body, headers)
        except TimeoutError as error:
            raise TimedOutError(f"{self._url} did not answer within {self._timeout_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            raise UnreachableError(
                f"no gateway answers at {self._url} ({error}): start it, or name another"
            ) from error
        return self._read(status, content)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        kept = self._connection.sock is not None
        try:
            return self._once(method, path, body, headers)
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            if not kept:
                raise
            # The other side closes what was kept too long. Questions have ids: asking again is safe.
            return self._once(method, path, body, headers)

    def _once(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        try:
            self._connection.request(method, self._prefix + path, body, dict(headers))
            response = self._connection.getresponse()
            return response.status, response.read()
        except BaseException:
            # Half an exchange makes the connection useless for the next.
            self._connection.close()
            raise

    def _read(self, status: int, content: bytes) -> dict[str, Any]:
        try:
            document = json.loads(content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise GatewayError(f"{self._url} answered {status} without a JSON object: is it a gateway?")
        if status != _OK:
            detail = document.get("detail") or document.get("title") or "no reason given"
            hint = document.get("hint")
            raise GatewayError(f"the gateway refused it ({status}): {detail}" + (f"; {hint}" if hint else ""))
        return document


def _split(url: str) -> tuple[SplitResult, int | None]:
    """Return the parts of *url*, of which only the host has to be there, and its port."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        port = parts.port
    except ValueError:
        parts, port = SplitResult("", "", "", "", ""), None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise GatewayError(f"{url!r} is no address of a gateway: write one like http://127.0.0.1:8080")
    return parts, port
