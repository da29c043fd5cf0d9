"""Asking over HTTP, through the gateway: waiting for it, or awaiting it."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from rendezvous_client.answers import Answered
from rendezvous_client.closing import Closing
from rendezvous_client.exchange import BUDGET_HEADER, Exchange, Exchanges
from rendezvous_client.outcomes import Outcome
from rendezvous_client.questions import Question

__all__ = ["BUDGET_HEADER", "AsyncGatewayAsker", "GatewayAsker"]

T = TypeVar("T")
# A gateway is a neighbour: no proxy that the environment names is between.
_DIRECT: Final = False


class GatewayAsker(Closing):
    """
    Asks the gateway at *url* (http or https) over connections that it keeps; close it.

    *timeout_s* bounds each exchange: the gateway answers by the deadline, so it is for networks that fail.
    """

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        self._exchanges = Exchanges(url, timeout_s)
        self._client = httpx.Client(timeout=timeout_s, trust_env=_DIRECT, verify=_secure(self._exchanges.url))

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def ask(self, question: Question) -> Answered:
        """Return the answer to *question*; raises BadQuestionError, or GatewayError with what it says."""
        return self._drive(self._exchanges.ask(question))

    def send_outcome(self, outcome: Outcome) -> int:
        """Report *outcome*; return the partition that it went to."""
        return self._drive(self._exchanges.send_outcome(outcome))

    def route(self, name: str) -> Mapping[str, Any]:
        """Return the route *name* as the gateway describes it."""
        return self._drive(self._exchanges.route(name))

    def routes(self) -> list[Mapping[str, Any]]:
        """Return all routes as the gateway describes them."""
        return self._drive(self._exchanges.routes())

    def _drive(self, exchange: Exchange[T]) -> T:
        try:
            request = next(exchange)
            while True:
                try:
                    response = self._client.send(request)
                except httpx.HTTPError as error:
                    request = exchange.throw(error)
                else:
                    request = exchange.send(response)
        except StopIteration as done:
            result: T = done.value
            return result


class AsyncGatewayAsker:
    """A GatewayAsker to be awaited: the same, and many questions at a time."""

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        self._exchanges = Exchanges(url, timeout_s)
        self._client = httpx.AsyncClient(
            timeout=timeout_s, trust_env=_DIRECT, verify=_secure(self._exchanges.url)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def ask(self, question: Question) -> Answered:
        """Return the answer to *question*; raises as GatewayAsker.ask does."""
        return await self._drive(self._exchanges.ask(question))

    async def send_outcome(self, outcome: Outcome) -> int:
        """Report *outcome*; return the partition that it went to."""
        return await self._drive(self._exchanges.send_outcome(outcome))

    async def route(self, name: str) -> Mapping[str, Any]:
        """Return the route *name* as the gateway describes it."""
        return await self._drive(self._exchanges.route(name))

    async def routes(self) -> list[Mapping[str, Any]]:
        """Return all routes as the gateway describes them."""
        return await self._drive(self._exchanges.routes())

    async def _drive(self, exchange: Exchange[T]) -> T:
        try:
            request = next(exchange)
            while True:
                try:
                    response = await self._client.send(request)
                except httpx.HTTPError as error:
                    request = exchange.throw(error)
                else:
                    request = exchange.send(response)
        except StopIteration as done:
            result: T = done.value
            return result


def _secure(url: str) -> bool:
    # To read the certificates of the world takes 30 ms, for nothing where none is shown.
    return url.startswith("https:")
