"""Processes that end with the block that started them, and what they use."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil
from rendezvous_local.process import ProcessSpec
from rendezvous_local.tether import tethered

from bench.errors import BenchError

_LOG_LINES = 15
_POLL_S = 0.02


class Running:
    """A process that was started."""

    def __init__(self, spec: ProcessSpec, popen: "subprocess.Popen[bytes]", log_file: Path) -> None:
        self.spec = spec
        self.log_file = log_file
        self._popen = popen
        self._process = psutil.Process(popen.pid)

    @property
    def pid(self) -> int:
        """Its id."""
        return self._popen.pid

    def cpu_s(self) -> float:
        """Return the processor time that it has used, in seconds; raises BenchError if it has ended."""
        self.check()
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def check(self) -> None:
        """Raise BenchError if it has ended."""
        if self._popen.poll() is not None:
            raise BenchError(f"{self._ended()}; the end of its log:\n{self._log_tail()}")

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Return once it is ready; raises BenchError if it has ended or is not within *timeout_s* seconds."""
        self.wait_until(lambda: self.spec.ready() is None, "to be ready", timeout_s)

    def wait_until(self, condition: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Return once *condition* holds; raises BenchError as wait_ready does."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                raise BenchError(
                    f"waited {timeout_s:g} s for {self.spec.name} {what}; the end of its log:\n"
                    f"{self._log_tail()}"
                )
            time.sleep(_POLL_S)

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Keep it from running until the block ends."""
        self._process.suspend()
        try:
            yield
        finally:
            self._process.resume()

    def end(self) -> None:
        """Ask it to end, and kill it and all that it started once its grace is over."""
        with suppress(ProcessLookupError):
            self._popen.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._popen.wait(self.spec.grace_s)
        with suppress(ProcessLookupError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()

    def _ended(self) -> str:
        return f"{self.spec.name} ended with exit code {self._popen.returncode}"

    def _log_tail(self) -> str:
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-_LOG_LINES:])


@contextmanager
def running(*specs: ProcessSpec, log_dir: Path) -> Iterator[list[Running]]:
    """Run *specs* until the block ends; each dies with this process too, however that ends."""
    with ExitStack() as stack:
        processes = []
        for spec in specs:
            processes.append(process := _start(spec, log_dir))
            stack.callback(process.end)
        yield processes


def _start(spec: ProcessSpec, log_dir: Path) -> Running:
    log_file = log_dir / f"{spec.name}.log"
    with log_file.open("ab") as log:
        popen = subprocess.Popen(  # noqa: S603 - to start processes is its purpose
            tethered(spec.argv),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, **spec.env},
            # As in the local stack: Linux shares the processor out among sessions first.
            process_group=0,
        )
    return Running(spec, popen, log_file)
