"""The two ways to ask, seen alike: through the gateway, or over Kafka."""

from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Protocol, Self

from rendezvous_client.answers import Answered
from rendezvous_client.asking import Asker
from rendezvous_client.closing import Closing
from rendezvous_client.control import read_state
from rendezvous_client.gateway import GatewayAsker
from rendezvous_client.kafka import Kafka
from rendezvous_client.questions import Question
from rendezvous_contracts.policy_fields import TYPE_NAMES

from rendezvous_cli.errors import CliError
from rendezvous_cli.fields import Declared


class Way(Protocol):
    """One way to ask; entered, it holds its connections."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def declared(self, route: str) -> Declared:
        """Return the declared inputs of *route*."""
        ...

    def ask(self, questions: Iterable[Question]) -> Iterator[Answered]:
        """Yield the answers, in any order."""
        ...


class ByGateway(Closing):
    """Over HTTP, one question after the other."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self._asker = GatewayAsker(url, timeout_s=timeout_s)

    def close(self) -> None:
        """Let go of the connections."""
        self._asker.close()

    def declared(self, route: str) -> Declared:
        """Return the declared inputs of *route*, as the gateway knows them."""
        return {field["name"]: field["type"] for field in self._asker.route(route).get("inputs", [])}

    def ask(self, questions: Iterable[Question]) -> Iterator[Answered]:
        """Yield the answers in the order of *questions*."""
        return map(self._asker.ask, questions)


class ByKafka(Closing):
    """Into `requests` and out of `answers`, many at a time."""

    def __init__(self, kafka: Kafka, timeout_s: float) -> None:
        self._kafka = kafka
        self._asker = Asker(kafka)
        self._timeout_s = timeout_s

    def close(self) -> None:
        """Let go of the connections."""
        self._asker.close()

    def declared(self, route: str) -> Declared:
        """Return the declared inputs of *route*, as the control log says."""
        routes = read_state(self._kafka).routes
        if route not in routes:
            raise CliError(
                f"there is no route {route}; there are: {', '.join(sorted(routes)) or 'none at all'}"
            )
        return {field.name: TYPE_NAMES.get(field.type, "any") for field in routes[route].current.route.inputs}

    def ask(self, questions: Iterable[Question]) -> Iterator[Answered]:
        """Yield the answers as they come."""
        return self._asker.ask_all(questions, timeout_s=self._timeout_s)
