"""
What a supervisor writes down of its processes, so that another process can end them all.

Two files in the data directory: a lock that is held while the supervisor lives, and the list. A process is
named by its id and its time of start, for ids are used again.
"""

import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self, TextIO

import psutil

from rendezvous_local.errors import AlreadyRunningError, LocalError

_LIST: Final = "processes.json"
_POLL_S: Final = 0.05


class Recorded(NamedTuple):
    """A process: its name for people, its id, and when it started (seconds since the epoch)."""

    name: str
    pid: int
    started: float

    @classmethod
    def of(cls, name: str, pid: int) -> Self | None:
        """Return the record of a live process, or None when it is gone."""
        try:
            return cls(name, pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    def lives(self) -> bool:
        """Return whether this very process, and no later one with its id, is alive."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started) < 1.0
            return bool(same and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False


class RunFile:
    """The list and the lock of one data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._list = data_dir / _LIST
        self._lock_path = data_dir / "lock"
        self._lock: TextIO | None = None

    def acquire(self) -> None:
        """Take the lock, and end what an earlier holder left behind; raises AlreadyRunningError."""
        self._data_dir.mkdir(parents=True, exist_ok=True)
        lock = self._lock_path.open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            holder = next(iter(self.read()), None)
            who = f"pid {holder.pid}" if holder else "another process"
            raise AlreadyRunningError(
                f"{who} already runs a stack on {self._data_dir}: end it with `rendezvous down` (make down), "
                f"or choose another RENDEZVOUS_LOCAL_DATA_DIR"
            ) from None
        self._lock = lock
        _kill(self.read()[1:])

    def release(self) -> None:
        """Empty the list and give up the lock."""
        if self._lock is not None:
            self._list.unlink(missing_ok=True)
            self._lock.close()
            self._lock = None

    def write(self, processes: Iterable[Recorded | None]) -> None:
        """Replace the list; this process stands first in it."""
        listed = [Recorded.of("supervisor", os.getpid()), *processes]
        temporary = self._list.with_suffix(".tmp")
        temporary.write_text(json.dumps([process._asdict() for process in listed if process]))
        temporary.replace(self._list)

    def read(self) -> list[Recorded]:
        """Return the list, the supervisor first; empty when there is none."""
        try:
            return [Recorded(**entry) for entry in json.loads(self._list.read_text())]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError) as error:
            raise LocalError(
                f"{self._list} is damaged ({error}): end its processes, then delete it"
            ) from None


def end_all(data_dir: Path, timeout_s: float = 60.0) -> bool:
    """
    End the supervisor of *data_dir* and whatever it has started; return whether there was anything.

    The supervisor is asked first, and has *timeout_s* seconds to end everything in order; what is left then
    is killed.
    """
    file = RunFile(data_dir)
    recorded = file.read()
    living = [process for process in recorded if process.lives()]
    for supervisor in living[:1] if living[:1] == recorded[:1] else []:
        os.kill(supervisor.pid, signal.SIGTERM)
        if not _ends(supervisor, timeout_s):
            os.kill(supervisor.pid, signal.SIGKILL)
    _kill([*recorded[1:], *file.read()[1:]])
    (data_dir / _LIST).unlink(missing_ok=True)
    return bool(living)


def _kill(recorded: Iterable[Recorded]) -> None:
    """End processes that lead their own group, and their groups with them."""
    for process in recorded:
        if process.lives():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            _ends(process, 5.0)


def _ends(process: Recorded, timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while process.lives():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
