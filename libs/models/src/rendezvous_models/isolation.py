"""
Models in worker processes of their own, so that one that hangs, leaks or crashes hurts nobody else.

To its process an isolated model is a runtime like any other. Which models are isolated is asked for by
their option `isolation: process`, and decided by the process that serves them: by default, those as well
whose load would hold up what is served beside it. A library that is imported, a JVM that starts and a large
document that is parsed keep Python's lock for too long; a worker has a lock of its own.
"""

from collections.abc import Callable, Sequence
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple

from scoring.v1.control_pb2 import Model

from rendezvous_models.contract import (
    ISOLATION,
    Answer,
    Failure,
    Metadata,
    ModelRuntime,
    Outputs,
    Row,
    RuntimeOptions,
    create_runtime,
)
from rendezvous_models.errors import BadModelError
from rendezvous_models.worker_keeper import WorkerKeeper, WorkerLimits
from rendezvous_models.worker_messages import LoadOrder
from rendezvous_models.worker_record import WorkerRecord

_PROCESS: Final = "process"
# Of the time that is left: all workers are asked at once and this is what they have in common, however many
# hang. The other half is for the models that are asked here meanwhile, and for the way of the scores.
_SHARE: Final = 0.5
_US: Final = 1_000_000
_NOT_LOADED: Final = WorkerRecord()


class Isolate(Enum):
    """Which models get a process of their own."""

    NEVER = "never"
    ASKED = "asked"
    LARGE = "large"
    ALWAYS = "always"


class Place(NamedTuple):
    """
    Where models are to be loaded.

    *isolate*: which of them in workers; an artifact of more than *large_bytes* is large. *limits* are the
    workers'.
    """

    isolate: Isolate
    limits: WorkerLimits
    large_bytes: int = 0


class IsolatedRuntime(ModelRuntime):
    """The runtime that *inner* is, in a worker process; *inner* itself is never loaded."""

    def __init__(self, inner: ModelRuntime, limits: WorkerLimits) -> None:
        super().__init__(inner.descriptor, inner.options)
        # It is the runtime's, and the loader asks before there is a worker.
        self.unpacks = inner.unpacks  # type: ignore[misc]
        self._limits = limits
        self._keeper: WorkerKeeper | None = None
        self._metadata: Metadata | None = None

    def load(self, artifact: Path) -> None:
        """Have a worker load the model from *artifact*, which stays where it is; raises ModelError."""
        name = f"{self.descriptor.name}@{self.descriptor.version}"
        keeper = WorkerKeeper(name, LoadOrder(self.descriptor, self.options, artifact), self._limits)
        self._metadata = keeper.start()
        self._keeper = keeper

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Return the outputs of each row, within the limit for a batch."""
        return self._ask(rows, round(self._limits.timeout_s * _US))().predictions

    def ask(self, rows: Sequence[Row], budget_us: int) -> Callable[[], Answer]:
        """Ask the worker, and return what waits for it: half of *budget_us* since now, and no longer."""
        return self._ask(rows, min(round(_SHARE * budget_us), round(self._limits.timeout_s * _US)))

    def _ask(self, rows: Sequence[Row], wait_us: int) -> Callable[[], Answer]:
        if self._keeper is None:
            return lambda: Answer([Failure("the model is not loaded")] * len(rows), 0)
        return self._keeper.ask(rows, wait_us)

    def unload(self) -> None:
        """End the worker."""
        if self._keeper:
            self._keeper.stop()
        self._keeper = None

    def metadata(self) -> Metadata:
        """Return the fields as the loaded model declares them."""
        if self._metadata is None:
            raise BadModelError("the model is not loaded")
        return self._metadata

    @property
    def ready(self) -> bool:
        """Whether it can be asked: false while it is in a crash loop, see trouble."""
        return self._keeper is not None and not self._keeper.record.failed

    @property
    def trouble(self) -> str:
        """Why there is no worker now; empty while one serves."""
        return self.record.reason

    @property
    def record(self) -> WorkerRecord:
        """How its workers have fared."""
        return self._keeper.record if self._keeper else _NOT_LOADED

    @property
    def pid(self) -> int | None:
        """The id of the worker process; None while there is none."""
        return self._keeper.pid if self._keeper else None

    @property
    def rss_bytes(self) -> int:
        """What the worker has in memory; 0 while there is none."""
        return self._keeper.rss_bytes if self._keeper else 0


def create_isolated(
    descriptor: Model, options: RuntimeOptions, place: Place, *, in_service: bool = False
) -> ModelRuntime:
    """
    Return a runtime for *descriptor* as create_runtime does, in a process of its own where it is to be.

    *in_service*: whether this process serves something already, which a load here could hold up.
    """
    asked = descriptor.options.get(ISOLATION, "")
    if asked not in {"", _PROCESS}:
        raise BadModelError(f"option {ISOLATION} is {asked[:80]!r}: write {_PROCESS}, or leave it out")
    inner = create_runtime(descriptor, options)
    large = descriptor.artifact.size > place.large_bytes or (in_service and inner.starts_library)
    isolated = {
        Isolate.NEVER: False,
        Isolate.ASKED: bool(asked),
        Isolate.LARGE: bool(asked) or large,
        Isolate.ALWAYS: True,
    }
    return IsolatedRuntime(inner, place.limits) if isolated[place.isolate] else inner
