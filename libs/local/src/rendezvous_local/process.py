"""One supervised process: what it is, and how it is started, ended and brought back."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rendezvous_local.tether import tethered

_FIRST_DELAY_S: Final = 0.1
_LONGEST_DELAY_S: Final = 5.0
_STEADY_S: Final = 10.0
_LOG_TAIL: Final = 15


def always_ready() -> str | None:
    """Return None: a process that is ready as soon as it runs."""
    return None


@dataclass(frozen=True)
class ProcessSpec:
    """
    A process to run.

    *env* comes on top of this process's environment. *ready* returns None once the process is ready, and
    before that what is missing; it may block for a second or two. Higher stages end first, each at the same
    time; *grace_s* seconds after it was asked to end, a process is killed. A higher *niceness* gives way to a
    lower one where there is not enough processor for all.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[], str | None] = always_ready
    stage: int = 0
    grace_s: float = 15.0
    niceness: int = 0


class ManagedProcess:
    """The process of one spec over its restarts; driven by one supervisor thread."""

    def __init__(self, spec: ProcessSpec, log_file: Path) -> None:
        self.spec = spec
        self.log_file = log_file
        self.restarts = 0
        self._popen: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._started = 0.0
        self._delay_s = _FIRST_DELAY_S
        self._due: float | None = None

    @property
    def pid(self) -> int | None:
        """Its id while it runs."""
        return self._popen.pid if self._popen and self._popen.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended last; None while it runs."""
        return self._popen.poll() if self._popen else None

    def start(self, now: float) -> None:
        """Start it, in a group of its own, and want it up from here on."""
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self._popen = subprocess.Popen(
                tethered(self.spec.argv, self.spec.niceness),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.spec.env},
                # Not a session: Linux shares the processor out among sessions first, whatever their niceness.
                process_group=0,
            )
        self._wanted, self._started, self._due = True, now, None

    def tend(self, now: float) -> float | None:
        """
        Look after it: start it again when that is due.

        Returns the delay in seconds when its end was noticed just now and a new start lies ahead; waits grow
        while it does not stay up.
        """
        if not self._wanted or self.pid is not None:
            return None
        if self._due is None:
            self._signal(signal.SIGKILL)  # what it has started itself
            steady = now - self._started >= _STEADY_S
            delay = _FIRST_DELAY_S if steady else self._delay_s
            self._due, self._delay_s = now + delay, min(2 * delay, _LONGEST_DELAY_S)
            return delay
        if now >= self._due:
            self.restarts += 1
            self.start(now)
        return None

    def kill(self, *, stay_down: bool) -> None:
        """End it and its group at once."""
        self._wanted = self._wanted and not stay_down
        if self.pid is not None:
            self._signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end, and want it down from here on."""
        self._wanted = False
        if self.pid is not None and self._popen is not None:
            self._popen.terminate()

    def await_end(self) -> bool:
        """Return once it and its group have ended: whether it did so within its grace, not by force."""
        if self._popen is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(self.spec.grace_s)
        by_itself = self._popen.poll() is not None
        self._signal(signal.SIGKILL)
        self._popen.wait()
        return by_itself

    def log_tail(self) -> str:
        """Return the last lines that it wrote."""
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-_LOG_TAIL:])

    def _signal(self, number: signal.Signals) -> None:
        if self._popen is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._popen.pid, number)
