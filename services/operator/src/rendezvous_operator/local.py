"""
Containers as processes of this machine.

Each has a folder in the data directory: its record (who it is, the process id with the time of its start, for
ids are used again), its log, and how it ended. A shim stands between it and the operator, so that an operator
that comes back adopts what runs: models go on scoring while the operator is away or is replaced. Where they
have to go down with something else, such as `rendezvous up`, that is their guardian.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from shutil import rmtree
from typing import Final, NamedTuple

from rendezvous_local.runfile import Recorded
from rendezvous_local.services import SCORING_NICENESS

from rendezvous_operator.backend import BackendError, unknown_options
from rendezvous_operator.goals import CONTAINER_OPTIONS, Wanted
from rendezvous_operator.seen import Found, Phase
from rendezvous_operator.shim import GO

_MODULE: Final = "rendezvous_model_container"
_RECORD: Final = "record.json"
_EXIT: Final = "exit"
_LOG_TAIL: Final = 400
_POLL_S: Final = 0.05


class _Record(NamedTuple):
    name: str
    deployment: str
    build: str
    pid: int
    started: float
    started_us: int

    @property
    def process(self) -> Recorded:
        return Recorded(self.name, self.pid, self.started)


class LocalBackend:
    """
    The containers in *folder*; each is told *environment* beside its own.

    *guardian*: the id of the process with which they end, or 0. *stop_s*: how long one may take to end.
    """

    def __init__(
        self,
        folder: Path,
        environment: dict[str, str],
        *,
        guardian: int = 0,
        stop_s: float = 10.0,
        module: str = _MODULE,
    ) -> None:
        self._folder = folder.resolve()
        self._environment = environment
        self._guardian = guardian
        self._stop_s = stop_s
        self._module = module
        self._stopping: dict[str, float] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def problem(self, wanted: Wanted) -> str:
        """Return why *wanted* can never be started here, or an empty text."""
        if wanted.image:
            return f"image {wanted.image}: the back end local has no images, leave it out"
        return unknown_options(wanted, CONTAINER_OPTIONS, "local")

    def find(self) -> Sequence[Found]:
        """Return what there is; what outstays its grace is killed."""
        records = (self._read(path) for path in sorted(self._folder.glob(f"*/{_RECORD}")))
        return [self._find(record) for record in records]

    def start(self, wanted: Wanted) -> None:
        """Start *wanted*."""
        folder = self._folder / wanted.name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _EXIT).unlink(missing_ok=True)
        program = [sys.executable, "-m", self._module]
        shim = [sys.executable, "-m", "rendezvous_operator.shim", str(folder / _EXIT), str(self._guardian)]
        own = {"RENDEZVOUS_WEB_PORT": "0", "RENDEZVOUS_DATA_DIR": str(folder), "PYTHONUNBUFFERED": "1"}
        started_us = time.time_ns() // 1_000
        try:
            with (folder / "log").open("ab") as log:
                child = subprocess.Popen(  # noqa: S603 - to start processes is its purpose
                    [*shim, str(SCORING_NICENESS), *program],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env={**os.environ, **self._environment, **own, **wanted.environment},
                    process_group=0,
                )
        except OSError as error:
            raise BackendError(f"{wanted.name} cannot be started: {error}") from error
        self._children[wanted.name] = child
        self._stopping.pop(wanted.name, None)
        self._write(folder, wanted, child.pid, started_us)
        if child.stdin is not None:
            with suppress(BrokenPipeError), child.stdin:
                child.stdin.write(GO)

    def stop(self, name: str) -> None:
        """Ask it to end in order."""
        self._stopping[name] = time.monotonic() + self._stop_s
        self._signal(name, signal.SIGTERM)

    def remove(self, name: str) -> None:
        """Forget it, its log too."""
        self._children.pop(name, None)
        self._stopping.pop(name, None)
        rmtree(self._folder / name, ignore_errors=True)

    def close(self, *, end: bool) -> None:
        """Let go of what runs, or end it."""
        running = [each.name for each in self.find() if each.phase is not Phase.EXITED] if end else []
        for name in running:
            self.stop(name)
        while any(each.phase is not Phase.EXITED for each in self.find() if each.name in running):
            time.sleep(_POLL_S)
        for name in running:
            self.remove(name)

    def _find(self, record: _Record) -> Found:
        child = self._children.get(record.name)
        if child is not None:
            child.poll()  # so that a dead one is no zombie
        alive = record.process.lives()
        if alive and time.monotonic() > self._stopping.get(record.name, float("inf")):
            with suppress(ProcessLookupError):
                os.killpg(record.pid, signal.SIGKILL)
        if not alive:
            phase = Phase.EXITED
        else:
            phase = Phase.STOPPING if record.name in self._stopping else Phase.RUNNING
        ending = "" if alive else self._ending(record.name)
        return Found(
            record.name,
            record.deployment,
            record.build,
            phase,
            started_us=record.started_us,
            ending=ending,
        )

    def _ending(self, name: str) -> str:
        """Return how it ended, with the end of what it wrote."""
        folder = self._folder / name
        try:
            code = int((folder / _EXIT).read_text())
        except (OSError, ValueError):
            return "it was killed"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        with suppress(OSError):
            lines = (folder / "log").read_text(errors="replace").splitlines()
            if code and lines:
                return f"it ended with exit code {code}: {lines[-1][-_LOG_TAIL:]}"
        return f"it ended with exit code {code}"

    def _signal(self, name: str, number: signal.Signals) -> None:
        record = self._read(self._folder / name / _RECORD)
        if record.process.lives():
            with suppress(ProcessLookupError):
                os.kill(record.pid, number)

    def _read(self, path: Path) -> _Record:
        try:
            return _Record(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise BackendError(
                f"{path} is damaged ({error}): end the process of that container, then delete the file"
            ) from None

    def _write(self, folder: Path, wanted: Wanted, pid: int, started_us: int) -> None:
        recorded = Recorded.of(wanted.name, pid)
        if recorded is None:
            raise BackendError(f"{wanted.name} ended at once")
        record = _Record(wanted.name, wanted.deployment, wanted.build, pid, recorded.started, started_us)
        temporary = folder / f"{_RECORD}.tmp"
        temporary.write_text(json.dumps(record._asdict()))
        temporary.replace(folder / _RECORD)
