"""One HTTP GET against a process on this machine."""

import http.client
from typing import NamedTuple
from urllib.parse import urlsplit


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
