"""The event loop's part: owns the desk, sends what it admits, and keeps its time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from rendezvous_runtime.clock import Clock
from rendezvous_runtime.errors import ProducerFullError, ServiceError
from rendezvous_runtime.stream import Send

from rendezvous_gateway.admission import Answered, Arrived, Question, Refused, Waiter
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.memory import Reply
from rendezvous_gateway.problems import ProblemError

T = TypeVar("T")


class Log(Protocol):
    """The way to the log, as the data plane gives it."""

    def send(self, sends: Sequence[Send]) -> None:
        """Produce *sends* without waiting; raises ServiceError, a ProducerFullError if the log is full."""
        ...

    @property
    def unacknowledged(self) -> int:
        """How many records the broker has not taken yet."""
        ...


class Exchange:
    """
    Questions in, replies out, always in time.

    All but deliver and own belongs to the event loop that start was called in: the timer that answers
    overdue requests is the loop's own, so it fires whatever state the log and its thread are in.
    """

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.desk = desk
        self._clock = clock
        self._log: Log | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0
        self._closed = False

    def connect(self, log: Log) -> None:
        """Use *log* from now on."""
        self._log = log

    def start(self) -> None:
        """Belong to the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    @property
    def accepting(self) -> bool:
        """Whether new questions are taken."""
        return self._loop is not None and not self._closed

    def submit(self, question: Question, waiter: Waiter) -> Reply | None:
        """
        Put *question* to the log; *waiter* gets the reply later, unless it is known and returned now.

        Raises ProblemError if it is refused; then *waiter* is not called.
        """
        if self._log is None or self._closed:
            raise ProblemError("stopping", "the gateway takes no more questions", retry_after_s=1)
        outcome = self.desk.admit(question, waiter, self._clock.now(), self._log.unacknowledged)
        if isinstance(outcome, Refused):
            raise ProblemError(outcome.code, outcome.reason, retry_after_s=outcome.retry_after_s)
        if isinstance(outcome, Answered):
            return outcome.reply
        if outcome.send is not None:
            try:
                _produce([outcome.send], self._log)
            except ProblemError:
                self.desk.withdraw(question.id)
                raise
        self._arm()
        return None

    def send(self, sends: Sequence[Send]) -> None:
        """Produce *sends*, to which nobody waits for an answer; raises ProblemError if they are refused."""
        if self._log is None or self._closed:
            raise ProblemError("stopping", "the gateway takes nothing more", retry_after_s=1)
        _produce(sends, self._log)

    async def ask(self, question: Question) -> Reply:
        """Return the reply to *question*; raises ProblemError if it is refused."""
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()

        def settle(reply: Reply) -> None:
            if not future.done():  # its caller may have gone
                future.set_result(reply)

        return self.submit(question, settle) or await future

    def deliver(self, batch: Sequence[Arrived]) -> None:
        """Take answers from the log; from any thread, one wake-up of the loop for a batch."""
        self._post(self.desk.arrive, batch)

    def own(self, partitions: frozenset[int]) -> None:
        """Take note of the partitions that answers come back on; from any thread."""
        self._post(self.desk.own, partitions)

    async def stop(self, grace_s: float) -> bool:
        """Take no more questions, wait for the pending ones; return whether all are answered."""
        self._closed = True
        try:
            async with asyncio.timeout(grace_s):
                while len(self.desk):  # noqa: ASYNC110 - ends once; an event would cost every answer
                    await asyncio.sleep(0.002)
        except TimeoutError:
            return False
        finally:
            if self._timer is not None:
                self._timer.cancel()
        return True

    def _post(self, call: Callable[[T], None], argument: T) -> None:
        loop = self._loop
        if loop is None:  # not started: only the caller's thread exists
            call(argument)
        elif not loop.is_closed():
            loop.call_soon_threadsafe(call, argument)

    def _arm(self) -> None:
        due = self.desk.next_time()
        if due is None or self._loop is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        wait_s = max(0, due - self._clock.now().mono) / 1_000_000
        self._timer_at = due
        self._timer = self._loop.call_later(wait_s, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self.desk.expire(self._clock.now())
        self._arm()


def _produce(sends: Sequence[Send], log: Log) -> None:
    try:
        log.send(sends)
    except ProducerFullError as error:
        raise ProblemError("too-many-requests", f"the log takes no more: {error}", retry_after_s=1) from error
    except ServiceError as error:
        raise ProblemError("not-ready", f"the log cannot be written to: {error}", retry_after_s=1) from error
