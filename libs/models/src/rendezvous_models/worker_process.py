"""One worker process, seen from the process that it scores for: started, asked, watched, ended."""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from rendezvous_models.contract import Failure, Metadata, Outputs, Row
from rendezvous_models.errors import WorkerError
from rendezvous_models.worker_messages import (
    MAX_BYTES,
    BrokenChannelError,
    Channel,
    Kind,
    LoadOrder,
    metadata_from_bytes,
    outputs_from_bytes,
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
    A worker for one model. One thread at a time loads and predicts; any other may watch, and kill.

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

    def predict(self, rows: Sequence[Row], budget_us: int) -> list[Outputs | Failure]:
        """Return what the model says of *rows*, or failures where that is not there in *budget_us*."""
        if budget_us <= 0:
            return _failures(rows, "there was no time left to ask the model")
        now = time.monotonic()
        deadline = now + budget_us * _US
        body = rows_to_bytes(rows, budget_us)
        if len(body) > MAX_BYTES:
            reason = (
                f"the batch has {len(body)} bytes; a worker takes {MAX_BYTES}: lower the setting max_batch"
            )
            return _failures(rows, reason)
        try:
            if self._owes and not self._has_caught_up():
                return _failures(rows, "the model is still at an earlier batch, which ran out of its time")
            self._channel.send(Kind.ROWS, body, max(deadline, now + _TO_TAKE_S))
            self._owes = True
            predictions = self._answer(deadline)
        except TimeoutError:
            self.overdue_since = deadline
            return _failures(rows, f"the model did not answer within {budget_us / 1000:.3g} ms")
        except BrokenChannelError as error:
            self.broken = self._why(error)
            return _failures(rows, self.broken)
        if len(predictions) == len(rows):
            return predictions
        return _failures(rows, f"the model gave {len(predictions)} outputs for {len(rows)} rows")

    def _has_caught_up(self) -> bool:
        """Whether the answer that nobody waits for any more has come; it is thrown away."""
        try:
            self._answer(time.monotonic())
        except TimeoutError:
            return False
        return True

    def _answer(self, deadline: float) -> list[Outputs | Failure]:
        kind, body = self._channel.receive(deadline)
        if kind is not Kind.OUTPUTS:
            raise BrokenChannelError("it answers what it was not asked")
        self._owes, self.overdue_since = False, None
        return outputs_from_bytes(body)

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


def _failures(rows: Sequence[Row], reason: str) -> list[Outputs | Failure]:
    return [Failure(reason)] * len(rows)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
