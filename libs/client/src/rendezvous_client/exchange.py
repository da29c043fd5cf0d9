"""
What is said to a gateway and how its word is read, without I/O.

Each exchange is a generator: it yields a request, is sent the response or thrown what went wrong, and returns
what came of it. The two ways to drive one, waiting and awaiting, are in `gateway`.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from rendezvous_client.answers import Answered, from_document
from rendezvous_client.errors import GatewayError, TimedOutError, UnreachableError
from rendezvous_client.outcomes import Outcome, to_outcome
from rendezvous_client.plain import to_json
from rendezvous_client.questions import Question, to_request

BUDGET_HEADER: Final = "X-Rendezvous-Budget-Ms"
T = TypeVar("T")
Exchange = Generator[httpx.Request, httpx.Response, T]

_TAKEN: Final = frozenset({200, 202})
# The other side closes what was kept too long.
_HUNG_UP: Final = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Exchanges:
    """What can be said to the gateway at *url*; *timeout_s* is for the words of an error."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.url = check_url(url)
        self._timeout_s = timeout_s

    def ask(self, question: Question) -> Exchange[Answered]:
        """Ask *question*; raises BadQuestionError, or GatewayError with what the gateway says."""
        request = to_request(question, 0)
        body = {
            "id": request.id,
            "fields": {name: to_json(value) for name, value in question.fields.items()},
            "key": request.key,
            "model": request.model,
        }
        headers = {BUDGET_HEADER: f"{question.budget_us / 1000:.3f}"} if question.budget_us else {}
        # Questions have ids: asking again is safe.
        document = yield from self._say("POST", f"/v1/routes/{request.route}/ask", body, headers, again=True)
        return self._read(document, from_document, "no answer")

    def send_outcome(self, outcome: Outcome) -> Exchange[int]:
        """Report *outcome*; return the partition that it went to."""
        message = to_outcome(outcome, 0)
        body = {
            "request_id": message.request_id,
            "author": message.author,
            "reward": outcome.reward,
            "truth": {name: to_json(value) for name, value in outcome.truth.items()} or None,
        }
        document = yield from self._say("POST", f"/v1/routes/{message.route}/outcomes", body, {}, again=False)
        return self._read(document, lambda given: int(given["partition"]), "no receipt")

    def route(self, name: str) -> Exchange[Mapping[str, Any]]:
        """Return the route *name* as the gateway describes it."""
        return (yield from self._say("GET", f"/v1/routes/{quote(name, safe='')}", None, {}, again=True))

    def routes(self) -> Exchange[list[Mapping[str, Any]]]:
        """Return all routes as the gateway describes them."""
        document = yield from self._say("GET", "/v1/routes", None, {}, again=True)
        return self._read(document, lambda given: list(given["routes"]), "no list of routes")

    def _say(
        self, method: str, path: str, body: object, headers: Mapping[str, str], *, again: bool
    ) -> Exchange[dict[str, Any]]:
        content = None if body is None else json.dumps(body).encode()
        typed = headers if body is None else {**headers, "Content-Type": "application/json"}
        request = httpx.Request(method, f"{self.url}{path}", content=content, headers=typed)
        with self._explained():
            try:
                response = yield request
            except _HUNG_UP:
                if not again:
                    raise
                response = yield request
        return self._document(response)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except httpx.TimeoutException as error:
            raise TimedOutError(f"{self.url} did not answer within {self._timeout_s:g} s") from error
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"no gateway answers at {self.url} ({error}): start it, or name another"
            ) from error

    def _document(self, response: httpx.Response) -> dict[str, Any]:
        status = response.status_code
        try:
            document = response.json()
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise GatewayError(f"{self.url} answered {status} without a JSON object: is it a gateway?")
        if status not in _TAKEN:
            detail = document.get("detail") or document.get("title") or "no reason given"
            hint = document.get("hint")
            raise GatewayError(f"the gateway refused it ({status}): {detail}" + (f"; {hint}" if hint else ""))
        return document

    def _read(self, document: dict[str, Any], read: Callable[[dict[str, Any]], T], what: str) -> T:
        try:
            return read(document)
        except (KeyError, TypeError, ValueError) as error:
            raise GatewayError(f"{self.url} answered with what is {what}: {error!r}") from error


def check_url(url: str) -> str:
    """Return *url* with its scheme (http unless it says so); raises GatewayError if it is no address."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}", scheme="http")
        known = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        known = False
    if not known:
        raise GatewayError(f"{url!r} is no address of a gateway: write one like http://127.0.0.1:8080")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
