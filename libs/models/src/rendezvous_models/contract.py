"""
What a runtime is: four verbs and a readiness, and how a model's type leads to one.

A runtime is a class in the entry point group `rendezvous.runtimes`, under the type that models are published
with. It is imported when the first model of its type is loaded, so that a process carries only what it
serves. One instance is one model.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar, Final, NamedTuple, Protocol, runtime_checkable

from rendezvous_contracts.runtimes import RUNTIMES
from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Field, Model

from rendezvous_models.errors import BadModelError, RuntimeUnavailableError, UnknownRuntimeError

GROUP: Final = "rendezvous.runtimes"
#: The option that is no runtime's: where a model runs, see isolation.py.
ISOLATION: Final = "isolation"

Row = Mapping[str, Plain]
Outputs = Mapping[str, Plain]


class Failure(NamedTuple):
    """Why one row has no outputs, for people."""

    reason: str


class Metadata(NamedTuple):
    """What a loaded model says about itself: fields by the names that rows and outputs use."""

    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]


class RuntimeOptions(NamedTuple):
    """What a process grants its runtimes."""

    jvm_heap_mb: int = 512
    #: Hosts beside the loopback that remote models may be asked on, see runtimes/remote_access.py.
    remote_hosts: tuple[str, ...] = ()
    #: The folder of the files that remote documents may name as secrets; None: none.
    remote_secrets: Path | None = None
    #: The folder of the model server configurations that remote documents may change; None: none.
    remote_configs: Path | None = None


class ModelRuntime(ABC):
    """
    One model, from load to unload.

    load and unload run in the loader's thread; predict runs in the data thread, between the two and never
    beside unload. *unpacks*: its artifact is an archive, and load gets the folder that it was unpacked to.
    """

    unpacks: ClassVar[bool] = False

    def __init__(self, descriptor: Model, options: RuntimeOptions) -> None:
        self.descriptor = descriptor
        self.options = options

    @abstractmethod
    def load(self, artifact: Path) -> None:
        """Load from *artifact*, a private and verified file; raises ModelError."""

    @abstractmethod
    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """
        Return, for each of *rows* and in their order, what the model says or why it failed on this row.

        Never raises for a row: one bad row does not fail its batch. Numbers in outputs are finite.
        """

    @abstractmethod
    def unload(self) -> None:
        """Give back what the model holds."""

    @abstractmethod
    def metadata(self) -> Metadata:
        """Return the fields as the loaded model declares them."""

    @property
    @abstractmethod
    def ready(self) -> bool:
        """Whether predict can be called."""

    @property
    def starts_library(self) -> bool:
        """
        Whether load would be the first in this process to start what the runtime needs.

        That keeps Python's lock for tenths of a second, and holds up whatever is served beside it.
        """
        return False

    @property
    def trouble(self) -> str:
        """What keeps a loaded model from scoring just now, for people; empty: nothing that it knows of."""
        return ""


@runtime_checkable
class SupportsBudget(Protocol):
    """A runtime that waits for another process while it predicts, and so has to know for how long it may."""

    def predict_within(self, rows: Sequence[Row], budget_us: int) -> list[Outputs | Failure]:
        """
        Do as predict does within *budget_us* microseconds: what is not there by then is a failure.

        The budget is what is left to that row of the batch which has most: after it nobody waits.
        """
        ...


class Answer(NamedTuple):
    """What a model that was asked said, and how long it took itself, in microseconds."""

    predictions: list[Outputs | Failure]
    took_us: int


@runtime_checkable
class SupportsAsking(Protocol):
    """A runtime whose model scores elsewhere, while this process goes on."""

    def ask(self, rows: Sequence[Row], budget_us: int) -> Callable[[], Answer]:
        """
        Ask about *rows* without waiting, and return what waits for the answer.

        It has to be called, once and by the same thread, and returns within a share of *budget_us*
        microseconds since the question. Neither raises.
        """
        ...


def scores_elsewhere(runtime: ModelRuntime) -> bool:
    """Return whether its model is in another process: asking costs a way there, and may fail for a moment."""
    return isinstance(runtime, SupportsBudget | SupportsAsking)


def runtime_types() -> tuple[str, ...]:
    """Return the types that installed runtimes serve, sorted."""
    return tuple(sorted(entry_points(group=GROUP).names))


def create_runtime(descriptor: Model, options: RuntimeOptions) -> ModelRuntime:
    """
    Return a runtime for *descriptor*, not yet loaded.

    Raises UnknownRuntimeError for a type that nothing installed serves, RuntimeUnavailableError when what
    the runtime needs is not installed.
    """
    found = entry_points(group=GROUP, name=descriptor.type)
    if not found:
        known = ", ".join(runtime_types()) or "none"
        raise UnknownRuntimeError(
            f"no runtime serves models of type {descriptor.type[:40]!r}; installed are: {known}"
        )
    entry = next(iter(found))
    try:
        kind = entry.load()
    except ImportError as error:
        raise lacking(entry.name, error) from error
    runtime: ModelRuntime = kind(_told(descriptor), options)
    return runtime


def check_options(descriptor: Model, known: Iterable[str] = (), named: Iterable[str] = ()) -> None:
    """
    Raise BadModelError for an option of *descriptor* that is neither *known* nor, up to a dot, in *named*.

    One that is misspelt must not pass unseen.
    """
    names, prefixes = tuple(known), tuple(f"{prefix}." for prefix in named)
    for option in descriptor.options:
        if option not in names and not option.startswith(prefixes):
            choice = ", ".join([*names, *(f"{prefix}NAME" for prefix in prefixes)]) or "none"
            raise BadModelError(f"there is no option {option[:80]!r} for this type of model: {choice}")


def _told(descriptor: Model) -> Model:
    """Return *descriptor* with those options only that are the runtime's."""
    if ISOLATION not in descriptor.options:
        return descriptor
    told = Model()
    told.CopyFrom(descriptor)
    del told.options[ISOLATION]
    return told


def lacking(kind: str, error: ImportError) -> RuntimeUnavailableError:
    """Return what to raise when the runtime for models of type *kind* cannot import what it needs."""
    extra = RUNTIMES.get(kind)
    remedy = f"install rendezvous-models[{extra}]" if extra else "install what its package asks for"
    return RuntimeUnavailableError(f"the runtime for {kind} lacks a part ({error}); {remedy}")
