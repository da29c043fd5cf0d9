"""Asks a process on this machine over HTTP."""

import http.client
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_OK: Final = range(200, 300)


class Response(NamedTuple):
    """The status and the beginning of the body of an HTTP response."""

    status: int
    body: str


def get(url: str, timeout_s: float = 2.0) -> Response | None:
    """Return what *url* (http) responds, or None while nothing does."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/")
        response = connection.getresponse()
        return Response(response.status, response.read(2_000).decode(errors="replace").strip())
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def http_ready(url: str) -> Callable[[], str | None]:
    """Return a readiness check: ready is who responds to *url* with success (2xx)."""

    def why_not() -> str | None:
        response = get(url)
        if response is None:
            return f"{url} does not respond"
        return None if response.status in _OK else f"it says: {response.body or response.status}"

    return why_not
