"""Keeps processes running: starts them, brings back what dies, and ends all of them."""

import logging
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import Empty, Queue
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar

from rendezvous_local.errors import LocalError, NotReadyError
from rendezvous_local.process import ManagedProcess, ProcessSpec
from rendezvous_local.runfile import Recorded, RunFile

_log = logging.getLogger(__name__)

_TICK_S: Final = 0.05
_PROBE_S: Final = 0.1
_CRASHES_TO_GIVE_UP: Final = 3

T = TypeVar("T")


class ProcessStatus(NamedTuple):
    """One process as it is now; *restarts* counts how often it came back by itself."""

    name: str
    pid: int | None
    restarts: int
    exit_code: int | None


class Supervisor:
    """
    The processes of one data directory; a context manager that ends them all.

    Every method may be called from any thread. One thread of its own starts, watches and restarts them: they
    are tied to it, and so die with this process however it ends. Logs go to <data_dir>/logs/<name>.log, and
    the list of processes to the data directory, where `end_all` finds it from outside.
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir.resolve()
        self._file = RunFile(self.data_dir)
        self._processes: dict[str, ManagedProcess] = {}
        self._work: Queue[Callable[[], None]] = Queue()
        self._thread: threading.Thread | None = None
        self._open = False

    def open(self) -> None:
        """Take the data directory; raises AlreadyRunningError when another supervisor has it."""
        self._file.acquire()
        self._file.write([])
        self._open = True
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)
        self._thread.start()

    def start(self, spec: ProcessSpec) -> None:
        """Start a process, also in place of one of that name that is down; raises LocalError if it runs."""
        self._do(lambda: self._start(spec))

    def revive(self, name: str) -> None:
        """Start a process again that is down; raises LocalError if it runs."""
        self._do(lambda: self._start(self._named(name).spec))

    def kill(self, name: str, *, stay_down: bool = False) -> None:
        """End a process as kill -9 does; it comes back by itself, unless it is to *stay_down*."""
        self._do(lambda: self._named(name).kill(stay_down=stay_down))

    def stop(self, *names: str) -> None:
        """Ask processes to end, all at the same time, and kill those that outstay their grace."""
        processes = [self._do(partial(self._named, name)) for name in names]
        for process in processes:
            self._do(process.terminate)
        for process in processes:
            if not process.await_end():
                _log.warning(
                    "%s was killed: it had not ended in %g s", process.spec.name, process.spec.grace_s
                )
        self._do(self._record)

    def status(self) -> list[ProcessStatus]:
        """Return every process, in the order of their first start."""
        return self._do(lambda: [_status(process) for process in self._processes.values()])

    def log_file(self, name: str) -> Path:
        """Return where the output of the process of that name goes."""
        return self.data_dir / "logs" / f"{name}.log"

    def wait_ready(self, names: Iterable[str], timeout_s: float) -> None:
        """
        Return once each process is ready.

        Raises NotReadyError with the cause and the end of the log when one is not within *timeout_s* seconds
        in all, or keeps ending.
        """
        deadline = time.monotonic() + timeout_s
        for name in names:
            process = self._do(partial(self._named, name))
            restarts = process.restarts
            while (why := process.spec.ready()) is not None:
                if process.restarts - restarts >= _CRASHES_TO_GIVE_UP:
                    raise _not_ready(process, "it keeps ending")
                if time.monotonic() > deadline:
                    raise _not_ready(process, f"{why}, after {timeout_s:g} s")
                time.sleep(_PROBE_S)

    def stop_all(self) -> None:
        """End everything, the last stage first, and give up the data directory; once done it does nothing."""
        if self._thread is None:
            return
        stages = self._do(lambda: {name: process.spec.stage for name, process in self._processes.items()})
        for stage in sorted(set(stages.values()), reverse=True):
            self.stop(*(name for name in stages if stages[name] == stage))
        self._do(self._close)
        self._thread.join()
        self._thread = None
        self._file.release()

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_all()

    def _do(self, action: Callable[[], T]) -> T:
        """Run *action* in the supervisor's thread and return what it returns."""
        if self._thread is None:
            raise LocalError("this supervisor is not open")
        future: Future[T] = Future()

        def run() -> None:
            try:
                future.set_result(action())
            except Exception as error:  # noqa: BLE001 - the caller gets it
                future.set_exception(error)

        self._work.put(run)
        return future.result()

    def _run(self) -> None:
        while self._open:
            with suppress(Empty):
                self._work.get(timeout=_TICK_S)()
            for process in self._processes.values():
                self._tend(process)

    def _tend(self, process: ManagedProcess) -> None:
        name, restarts = process.spec.name, process.restarts
        try:
            delay_s = process.tend(time.monotonic())
            if delay_s is not None:
                code = process.exit_code
                _log.warning("%s ended (exit code %s); it starts again in %.1f s", name, code, delay_s)
            if process.restarts != restarts:
                self._record()
        except OSError:  # no memory, no disk: the others still want to be looked after
            _log.exception("%s could not be started again; the next attempt follows", name)

    def _start(self, spec: ProcessSpec) -> None:
        process = self._processes.get(spec.name)
        if process is not None and process.pid is not None:
            raise LocalError(f"{spec.name} runs already: pid {process.pid}")
        process = ManagedProcess(spec, self.log_file(spec.name))
        self._processes[spec.name] = process
        process.start(time.monotonic())
        self._record()

    def _named(self, name: str) -> ManagedProcess:
        if name not in self._processes:
            raise LocalError(f"no process {name}; there are: {', '.join(self._processes) or 'none'}")
        return self._processes[name]

    def _record(self) -> None:
        running = ((name, process.pid) for name, process in self._processes.items())
        self._file.write(Recorded.of(name, pid) for name, pid in running if pid is not None)

    def _close(self) -> None:
        self._open = False


def _status(process: ManagedProcess) -> ProcessStatus:
    return ProcessStatus(process.spec.name, process.pid, process.restarts, process.exit_code)


def _not_ready(process: ManagedProcess, why: str) -> NotReadyError:
    return NotReadyError(
        f"{process.spec.name} is not ready: {why}. The end of {process.log_file}:\n{process.log_tail()}"
    )
