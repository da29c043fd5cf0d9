"""The client to be awaited: what Client does, without holding the event loop up."""

import asyncio
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Self

from rendezvous_contracts.changes import Change
from rendezvous_contracts.topics import ANSWERS, DECISIONS
from rendezvous_control.envelope import Verifier
from rendezvous_control.state import State
from scoring.v1.answer_pb2 import Answer
from scoring.v1.decision_pb2 import Decision

from rendezvous_client.answers import Answered
from rendezvous_client.client import Changed, Client
from rendezvous_client.control import MessageSigner
from rendezvous_client.errors import TimedOutError
from rendezvous_client.following import Followed, Following
from rendezvous_client.kafka import Kafka
from rendezvous_client.log import Bound
from rendezvous_client.outcomes import Outcome
from rendezvous_client.questions import Question
from rendezvous_client.status import Acknowledged, Heard


class AsyncClient:
    """A Client to be awaited; its methods do what those of Client do. Close it."""

    def __init__(
        self, kafka: Kafka | str, *, keys: Verifier | None = None, signer: MessageSigner | None = None
    ) -> None:
        self._client = Client(kafka, keys=keys, signer=signer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the broker."""
        await asyncio.to_thread(self._client.close)

    async def ask(self, question: Question, *, timeout_s: float = 10.0) -> Answered:
        """Return the answer to *question*; raises TimedOutError if none comes in *timeout_s* seconds."""
        reply = asyncio.wrap_future(await asyncio.to_thread(self._client.submit, question))
        try:
            return await asyncio.wait_for(reply, timeout_s)
        except TimeoutError:
            raise TimedOutError(
                f"no answer within {timeout_s:g} s to question {question.id}: are the services up?"
            ) from None

    async def send_outcome(self, outcome: Outcome, *, partition: int | None = None) -> int:
        """Report *outcome*; return the partition that it went to."""
        return await asyncio.to_thread(self._client.send_outcome, outcome, partition=partition)

    async def follow_answers(
        self, *, from_beginning: bool = False, idle_s: float | None = None
    ) -> AsyncIterator[Followed[Answer]]:
        """Return answers as they are given, from this call on."""
        following = await asyncio.to_thread(
            lambda: Following(
                self._client.kafka, ANSWERS, Answer.FromString, from_beginning=from_beginning, idle_s=idle_s
            )
        )
        return following.iterate_async()

    async def follow_decisions(
        self, *, from_beginning: bool = False, idle_s: float | None = None
    ) -> AsyncIterator[Followed[Decision]]:
        """Return decisions as they are written, from this call on."""
        following = await asyncio.to_thread(
            lambda: Following(
                self._client.kafka,
                DECISIONS,
                Decision.FromString,
                from_beginning=from_beginning,
                idle_s=idle_s,
            )
        )
        return following.iterate_async()

    async def change(
        self,
        change: Change,
        author: str,
        *,
        reason: str = "",
        expected_revision: int | None = None,
        timeout_s: float = 30.0,
    ) -> Changed:
        """Publish *change* in the name of *author* and wait until every live service has applied it."""
        return await asyncio.to_thread(
            self._client.change,
            change,
            author,
            reason=reason,
            expected_revision=expected_revision,
            timeout_s=timeout_s,
        )

    async def wait_applied(self, offset: int, timeout_s: float = 30.0) -> Acknowledged:
        """Wait until every live service has folded control *offset*."""
        return await asyncio.to_thread(self._client.wait_applied, offset, timeout_s)

    async def state(self, until: Bound | None = None) -> State:
        """Return what the control log folds to: now, or *until* an offset or a time."""
        return await asyncio.to_thread(self._client.state, until)

    async def status(self) -> dict[str, Heard]:
        """Return the newest word of each instance of a service, by its name."""
        return await asyncio.to_thread(self._client.status)
