"""Keeps one worker process alive for a model: a thread that starts, watches, replaces and ends it."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final, NamedTuple

import structlog

from rendezvous_models.contract import Answer, Failure, Metadata, Row
from rendezvous_models.errors import ModelError, WorkerError
from rendezvous_models.worker_messages import LoadOrder
from rendezvous_models.worker_process import WorkerProcess
from rendezvous_models.worker_record import WorkerRecord

_LOOK_S: Final = 0.25
_AGAIN_S: Final = 30.0
_TOO_MUCH: Final = 2
_MB: Final = 1 << 20

_log = structlog.get_logger(__name__)


class WorkerLimits(NamedTuple):
    """
    What a worker may take.

    *memory_mb*: the resident memory at which it is replaced; 0: any. *timeout_s*: for a batch, whatever its
    budget; *grace_s*: for a batch beyond that, before it is killed; *load_s*: to load its model.
    """

    memory_mb: int = 0
    timeout_s: float = 10.0
    grace_s: float = 2.0
    load_s: float = 120.0


class WorkerKeeper:
    """
    The worker of the model that *order* says, over its restarts.

    start and stop are the loader's, ask is the data thread's: it waits for the worker as long as the budget
    says and for nothing else.
    """

    def __init__(self, name: str, order: LoadOrder, limits: WorkerLimits) -> None:
        self._name = name
        self._order = order
        self._limits = limits
        self._worker: WorkerProcess | None = None
        self._newest: WorkerProcess | None = None
        self._calls = (
            threading.Lock()
        )  # held from a question to its answer; the keeper takes it to wait for that
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._recycle_at = 0.0
        self._first: Future[Metadata] = Future()
        self._thread = threading.Thread(target=self._run, name=f"model-worker {name}", daemon=True)
        self.record = WorkerRecord()

    @property
    def pid(self) -> int | None:
        """The id of the process that serves; None while there is none."""
        worker = self._worker
        return worker.pid if worker else None

    @property
    def rss_bytes(self) -> int:
        """What the worker has in memory; 0 while there is none."""
        worker = self._worker
        return worker.rss_bytes() if worker else 0

    def start(self) -> Metadata:
        """Return what the model says about itself once a worker has loaded it; raises ModelError."""
        self._thread.start()
        return self._first.result()

    def stop(self) -> None:
        """End the worker and the thread."""
        self._stopping.set()
        self._wake.set()
        if (loading := self._newest) and loading is not self._worker:
            loading.kill()
        self._thread.join()

    def ask(self, rows: Sequence[Row], wait_us: int) -> Callable[[], Answer]:
        """
        Ask the worker about *rows*, and return what waits for its answer until *wait_us* from now.

        What the worker has not said by then are failures.
        """
        self._calls.acquire()
        worker = self._worker
        if worker is None or worker.broken:
            self._calls.release()
            reason = worker.broken if worker else self.record.reason
            return lambda: Answer([Failure(f"{reason}; there will be another one")] * len(rows), 0)
        collect = worker.ask(rows, wait_us)

        def collected() -> Answer:
            try:
                return collect()
            finally:
                if worker.broken:
                    self._wake.set()
                self._calls.release()

        return collected

    def _run(self) -> None:
        try:
            self._worker, metadata = self._load()
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            self._first.set_exception(error)
            return
        self._first.set_result(metadata)
        while not self._stopping.is_set():
            self._wake.wait(_LOOK_S)
            self._wake.clear()
            try:
                self._tend()
            except Exception:  # noqa: BLE001 - without this thread nobody would bring the model back
                _log.exception("the keeper of a worker failed", model=self._name)
        self._retire(None)

    def _load(self) -> tuple[WorkerProcess, Metadata]:
        """Return a worker that serves; raises ModelError and leaves none behind."""
        worker = self._newest = WorkerProcess(self._limits.memory_mb)
        if self._stopping.is_set():  # and stop may not have seen this one
            worker.kill()
        try:
            metadata = worker.load(self._order, self._limits.load_s)
            self._check_size(worker)
        except BaseException:
            worker.kill()
            worker.close()
            raise
        return worker, metadata

    def _check_size(self, worker: WorkerProcess) -> None:
        used_mb, most = worker.rss_bytes() // _MB, self._limits.memory_mb
        if most and used_mb > most:
            raise WorkerError(
                f"the worker takes {used_mb} MB with the model loaded; allowed are {most} MB by the setting "
                "worker_memory_mb",
                passing=False,
            )

    def _tend(self) -> None:
        worker = self._worker
        if worker is None:
            if self.record.is_due(_now_us()):
                self._begin()
        elif reason := self._trouble(worker):
            self._end(reason)
        elif self._is_too_large(worker):
            self._recycle(worker)

    def _trouble(self, worker: WorkerProcess) -> str:
        overdue = worker.overdue_since
        if reason := worker.broken or worker.ending():
            return reason
        if overdue is not None and time.monotonic() > overdue + self._limits.grace_s:
            return f"the worker did not answer for {self._limits.grace_s:g} s beyond its time and was killed"
        if (most := _TOO_MUCH * self._limits.memory_mb) and worker.rss_bytes() > most * _MB:
            return f"the worker took more than {most} MB and was killed"
        return ""

    def _is_too_large(self, worker: WorkerProcess) -> bool:
        most = self._limits.memory_mb * _MB
        return 0 < most < worker.rss_bytes() and time.monotonic() >= self._recycle_at

    def _begin(self) -> None:
        try:
            worker, _ = self._load()
        except ModelError as error:
            self._note_end(str(error))
        else:
            self._worker = worker
            self.record = self.record.started(_now_us())
            _log.info("worker restarted", model=self._name, pid=worker.pid, restarts=self.record.restarts)

    def _end(self, reason: str) -> None:
        self._note_end(reason)
        if self._worker:
            self._worker.kill()  # also ends the call under way, if there is one
        self._retire(None)

    def _recycle(self, old: WorkerProcess) -> None:
        """Put another worker in the place of *old*, which goes on until then."""
        used_mb = old.rss_bytes() // _MB
        try:
            worker, _ = self._load()
        except ModelError as error:
            self._recycle_at = time.monotonic() + _AGAIN_S
            _log.warning("worker not replaced", model=self._name, used_mb=used_mb, reason=str(error))
            return
        self._retire(worker)
        _log.info("worker replaced", model=self._name, used_mb=used_mb, pid=worker.pid)

    def _retire(self, successor: WorkerProcess | None) -> None:
        """Swap in *successor*, and close the worker before it once nobody is asking that any more."""
        old, self._worker = self._worker, successor
        with self._calls:
            pass
        if old:
            old.close()

    def _note_end(self, reason: str) -> None:
        self.record = self.record.ended(reason, _now_us())
        _log.warning("worker ended", model=self._name, reason=self.record.reason, failed=self.record.failed)


def _now_us() -> int:
    return time.monotonic_ns() // 1000
