"""One worker process, seen from the process that it scores for: started, asked, watched, ended."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from rendezvous_models.contract import Answer, Failure, Metadata, Row
from rendezvous_models.errors import WorkerError
from rendezvous_models.worker_messages import (
    MAX_BYTES,
    BrokenChannelError,
    Channel,
    Kind,
    LoadOrder,
    answer_from_bytes,
    metadata_from_bytes,
    refusal_from_bytes,
    rows_to_bytes,
)

_PROGRAM: Final = "rendezvous_models.worker"
_TO_LEAVE_S: Final = 1.0
_TO_DIE_S: Final = 0.2
# An idle worker takes a large batch at once; but if it has taken half of one, it is of no use any more.
_TO_TAKE_S: Final = 0.1
_US: Final = 1e-6


class WorkerProcess:
    """
    A worker for one model. One thread at a time loads and asks; any other may watch, and kill.

    Start it from a thread that lives as long as the worker should: Linux kills it with that thread.
    """

    def __init__(self, memory_mb: int) -> None:
        try:
            here, there = socket.socketpair()
            with there:
                self._process = _spawn(there.fileno(), memory_mb)
        except OSError as error:
            raise WorkerError(f"no worker process can be started: {error}", passing=True) from error
        self._channel = Channel(here)
        self._owes = False
        #: Why it cannot be asked any more, for people; empty while it can.
        self.broken = ""
        #: Since when, by time.monotonic, an answer is due that it still owes; None: it owes none.
        self.overdue_since: float | None = None

    @property
    def pid(self) -> int:
        """The id of its process."""
        return self._process.pid

    def load(self, order: LoadOrder, timeout_s: float) -> Metadata:
        """Return what the loaded model says about itself; raises WorkerError."""
        try:
            self._channel.send(Kind.LOAD, order.to_bytes(), time.monotonic() + timeout_s)
            kind, body = self._channel.receive(time.monotonic() + timeout_s)
            if kind is Kind.LOADED:
                return metadata_from_bytes(body)
            reason, passing = refusal_from_bytes(body)
        except TimeoutError as error:
            raise WorkerError(f"the model was not loaded within {timeout_s:g} s", passing=True) from error
        except BrokenChannelError as error:
            raise WorkerError(f"{self._why(error)} while it loaded the model", passing=True) from error
        raise WorkerError(reason, passing=passing)

    def ask(self, rows: Sequence[Row], wait_us: int) -> Callable[[], Answer]:
        """Ask the model about *rows*; return what waits for it until *wait_us* from now."""
        if wait_us <= 0:
            return _failing(rows, "there was no time left to ask the model")
        asked = time.monotonic()
        deadline = asked + wait_us * _US
        body = rows_to_bytes(rows, wait_us)
        if len(body) > MAX_BYTES:
            return _failing(
                rows,
                f"the batch has {len(body)} bytes; a worker takes {MAX_BYTES}: lower the setting max_batch",
            )
        try:
            if self._owes and not self._has_caught_up():
                return _failing(rows, "the model is still at an earlier batch, which ran out of its time")
            self._channel.send(Kind.ROWS, body, max(deadline, asked + _TO_TAKE_S))
        except BrokenChannelError as error:
            self.broken = self._why(error)
            return _failing(rows, self.broken)
        self._owes = True
        return lambda: self._collect(rows, asked, wait_us)

    def _collect(self, rows: Sequence[Row], asked: float, wait_us: int) -> Answer:
        deadline = asked + wait_us * _US
        try:
            answer = self._answer(deadline)
        except TimeoutError:
            self.overdue_since = deadline
            return _failed(rows, f"the model did not answer within {wait_us / 1000:.3g} ms", wait_us)
        except BrokenChannelError as error:
            self.broken = self._why(error)
            return _failed(rows, self.broken, round((time.monotonic() - asked) / _US))
        if len(answer.predictions) == len(rows):
            return answer
        reason = f"the model gave {len(answer.predictions)} outputs for {len(rows)} rows"
        return _failed(rows, reason, answer.took_us)

    def _has_caught_up(self) -> bool:
        """Whether the answer that nobody waits for any more has come; it is thrown away."""
        try:
            self._answer(time.monotonic())
        except TimeoutError:
            return False
        return True

    def _answer(self, deadline: float) -> Answer:
        kind, body = self._channel.receive(deadline)
        if kind is not Kind.OUTPUTS:
            raise BrokenChannelError("it answers what it was not asked")
        self._owes, self.overdue_since = False, None
        return answer_from_bytes(body)

    def ending(self) -> str:
        """Return how its process ended, for people; empty while it runs."""
        code = self._exit_code()
        if code is None:
            return ""
        if code < 0:
            return f"the worker process was ended by {_signal_name(-code)}"
        return f"the worker process exited with code {code}"

    def _exit_code(self) -> int | None:
        """Return it as subprocess does, and on Linux leave the process there: kill needs its id."""
        if sys.platform != "linux" or self._process.returncode is not None:
            return self._process.poll()
        found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if found is None:
            return None
        return found.si_status if found.si_code == os.CLD_EXITED else -found.si_status

    def _why(self, error: BrokenChannelError) -> str:
        """Return why its channel broke: mostly, because its process has ended just now."""
        end = time.monotonic() + _TO_DIE_S
        while not (ending := self.ending()) and time.monotonic() < end:
            time.sleep(0.001)
        return ending or f"the worker process is out of order: {error}"

    def rss_bytes(self) -> int:
        """Return what it has in memory; 0 where that cannot be told."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * resource.getpagesize()

    def kill(self) -> None:
        """End its process, and those that it has started, whatever they do."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """End it, with a second's time to unload its model if it is idle; nobody may predict any more."""
        self._channel.close()
        if not (self._owes or self.broken):
            end = time.monotonic() + _TO_LEAVE_S
            while not self.ending() and time.monotonic() < end:
                time.sleep(0.005)
        self.kill()
        self._process.wait()


def _spawn(descriptor: int, memory_mb: int) -> subprocess.Popen[bytes]:
    numbers = map(str, (descriptor, os.getpid(), memory_mb))
    return subprocess.Popen(  # noqa: S603 - our own program
        # Nothing is imported from the folder that this process happens to be in.
        [sys.executable, "-P", "-m", _PROGRAM, *numbers],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=(descriptor,),
        process_group=0,
    )


def _failed(rows: Sequence[Row], reason: str, took_us: int) -> Answer:
    return Answer([Failure(reason)] * len(rows), took_us)


def _failing(rows: Sequence[Row], reason: str) -> Callable[[], Answer]:
    """Return the answer to a question that was not asked."""
    return lambda: _failed(rows, reason, 0)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
