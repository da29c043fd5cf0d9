"""How many lines of a stream are in flight, and how many may be."""

import asyncio
from collections import deque
from typing import Final, NamedTuple

from scoring.v1.answer_pb2 import Answer, Source

from rendezvous_gateway.memory import Reply
from rendezvous_gateway.problems import ProblemError

SLICE: Final = 32  # lines handled before other requests and timers get their turn
_SMALLEST: Final = 64
_GROWTH: Final = 0.5  # per answer in good time, so that the size grows by half in the time of one answer
_SHRINK: Final = 0.7


class Done(NamedTuple):
    """What a line came to; *id* is known where the line named one."""

    number: int
    outcome: Reply | ProblemError
    id: str = ""


class Pace:
    """
    The number of lines that may be in flight, up to *largest*; pure.

    Lines in flight queue behind each other, and their deadlines do not wait: too many of them, and answers
    come late that a model had given in time. So the number grows while models' answers come back with half
    of the budget left, or the route's own default does, and shrinks when they come close to the deadline.
    """

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._size = float(min(_SMALLEST, largest))
        self._since_shrink = 0

    @property
    def size(self) -> int:
        """How many lines may be in flight now."""
        return int(self._size)

    def answered(self, answer: Answer, now_us: int) -> None:
        """Take note of *answer*, which has come at *now_us* since the epoch."""
        self._since_shrink += 1
        budget = answer.deadline_us - answer.sent_at_us
        left = answer.deadline_us - now_us
        is_model = answer.source == Source.SOURCE_MODEL
        if answer.source == Source.SOURCE_GATEWAY or (is_model and left * 4 < budget):
            if self._since_shrink > self._size:  # those in flight at the last time tell nothing new
                self._size = max(min(_SMALLEST, self._largest), self._size * _SHRINK)
                self._since_shrink = 0
        elif not is_model or left * 2 > budget:
            self._size = min(self._largest, self._size + _GROWTH)


class Window:
    """The lines of one stream between reading and writing, as many as *pace* allows."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self._room = asyncio.Event()
        self._wake = asyncio.Event()
        self._done: deque[Done] = deque()
        self._open = 0
        self._ended = False

    async def enter(self) -> None:
        """Wait for a place and take it."""
        while self._open >= self.pace.size:
            self._room.clear()
            await self._room.wait()
        self._open += 1

    def put(self, done: Done) -> None:
        """Have *done* written."""
        self._done.append(done)
        self._wake.set()

    def end(self) -> None:
        """Note that no more lines come."""
        self._ended = True
        self._wake.set()

    async def take(self) -> list[Done]:
        """Wait for lines to write and return a slice of them; empty at the end."""
        while not self._done and not (self._ended and self._open == 0):
            self._wake.clear()
            await self._wake.wait()
        return [self._done.popleft() for _ in range(min(SLICE, len(self._done)))]

    def leave(self, lines: int) -> None:
        """Give the places of written *lines* back."""
        self._open -= lines
        self._room.set()
