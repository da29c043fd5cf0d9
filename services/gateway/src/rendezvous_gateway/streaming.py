"""
Many questions in one HTTP request: a line of JSON each way, answered in the order of completion.

At most a window of lines is in flight or waits to be written, so a caller who reads slowly is read slowly,
and no number of lines takes more memory than the window. No task is made per line.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from aiohttp import StreamReader, web
from rendezvous_runtime.clock import Clock

from rendezvous_gateway.admission import Question, Waiter
from rendezvous_gateway.documents import parse_document
from rendezvous_gateway.exchange import Exchange
from rendezvous_gateway.memory import Reply
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.questions import Questions, Terms, read_ask, read_terms
from rendezvous_gateway.responses import check_type, encode
from rendezvous_gateway.window import SLICE, Done, Pace, Window
from rendezvous_gateway.wire import answer_document, refusal

NDJSON: Final = "application/x-ndjson"
_TYPES: Final = (NDJSON, "application/jsonl", "application/x-jsonlines", "application/ndjson")
_PATIENCE_S: Final = 5.0  # how long a line waits for room in the gateway before it is refused
_RETRY_S: Final = 0.005
_STALL_S: Final = 60.0  # a caller who reads nothing for so long is cut off


class _Line(NamedTuple):
    number: int
    content: bytes | None  # None: it was too long to keep


class Streaming:
    """The endpoint for streams: at most *window* lines of one are in flight; *max_line* is in bytes."""

    def __init__(
        self, questions: Questions, exchange: Exchange, clock: Clock, window: int, max_line: int
    ) -> None:
        self._questions = questions
        self._exchange = exchange
        self._clock = clock
        self._window = window
        self._max_line = max_line

    def endpoints(self) -> list[web.RouteDef]:
        """Return what it serves."""
        return [web.post("/v1/routes/{route}/stream", self.stream)]

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Answer each line that comes with a line."""
        route = request.match_info["route"]
        self._questions.revision(route)
        check_type(request, *_TYPES)
        terms = read_terms(request.headers)._replace(request_id="")
        response = web.StreamResponse(headers={"Content-Type": NDJSON, "Cache-Control": "no-store"})
        await response.prepare(request)
        window = Window(Pace(self._window))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_write(response, window))
                tasks.create_task(self._read(request.content, route, terms, window))
        except* (ConnectionError, TimeoutError, web.RequestPayloadError):
            request.protocol.force_close()  # there is nobody to tell
        return response

    async def _read(self, content: StreamReader, route: str, terms: Terms, window: Window) -> None:
        async for line in _lines(content, self._max_line):
            await window.enter()
            await self._put(line, route, terms, window)
            if line.number % SLICE == 0:
                await asyncio.sleep(0)
        window.end()

    async def _put(self, line: _Line, route: str, terms: Terms, window: Window) -> None:
        request_id = ""
        try:
            ask = read_ask(parse_document(self._content(line)))
            request_id = ask.id
            question = self._questions.make(self._questions.revision(route), ask, terms)
            reply = await self._submit(question, lambda reply: self._answered(line.number, reply, window))
        except ProblemError as problem:
            window.put(Done(line.number, problem, request_id))
        else:
            if reply is not None:
                window.put(Done(line.number, reply))

    def _answered(self, number: int, reply: Reply, window: Window) -> None:
        window.pace.answered(reply.answer, self._clock.now().wall)
        window.put(Done(number, reply))

    def _content(self, line: _Line) -> bytes:
        if line.content is None:
            raise ProblemError("too-large", f"the line is longer than {self._max_line} bytes")
        return line.content

    async def _submit(self, question: Question, waiter: Waiter) -> Reply | None:
        """Submit *question*, waiting a while for room: a stream is held back, not refused at once."""
        give_up = asyncio.get_running_loop().time() + _PATIENCE_S
        while True:
            try:
                return self._exchange.submit(question, waiter)
            except ProblemError as problem:
                late = asyncio.get_running_loop().time() > give_up
                if problem.code not in {"too-many-requests", "not-ready"} or late:
                    raise
            await asyncio.sleep(_RETRY_S)


async def _write(response: web.StreamResponse, window: Window) -> None:
    while batch := await window.take():
        async with asyncio.timeout(_STALL_S):
            await response.write(b"".join(map(_encode, batch)))
        window.leave(len(batch))
        await asyncio.sleep(0)


def _encode(done: Done) -> bytes:
    outcome = done.outcome
    document: dict[str, object] = {"line": done.number}
    if isinstance(outcome, ProblemError):
        document |= {"id": done.id or None, "error": outcome.document()}
    elif (problem := refusal(outcome.answer)) is not None:
        document |= {"id": outcome.answer.id, "error": problem.document()}
    else:
        document |= answer_document(outcome)
    return encode(document) + b"\n"


async def _lines(content: StreamReader, limit: int) -> AsyncIterator[_Line]:
    """Yield the lines of *content*, numbered from 1, without the empty ones."""
    number = 0
    rest = b""
    skipping = False
    async for chunk in content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        for each in whole:
            number += 1
            long = skipping or len(each) > limit
            skipping = False
            if long or each.strip():
                yield _Line(number, None if long else each)
        if len(rest) > limit:
            rest, skipping = b"", True
    if skipping or rest.strip():
        yield _Line(number + 1, None if skipping or len(rest) > limit else rest)
