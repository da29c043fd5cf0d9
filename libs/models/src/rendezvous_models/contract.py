"""
What a runtime is: four verbs and a readiness, and how a model's type leads to one.

A runtime is a class in the entry point group `rendezvous.runtimes`, under the type that models are published
with. It is imported when the first model of its type is loaded, so that a process carries only what it
serves. One instance is one model.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import ClassVar, Final, NamedTuple

from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Field, Model

from rendezvous_models.errors import RuntimeUnavailableError, UnknownRuntimeError

GROUP: Final = "rendezvous.runtimes"

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
        raise RuntimeUnavailableError(
            f"the runtime for {entry.name} lacks a part ({error}); install rendezvous-models[{entry.name}]"
        ) from error
    runtime: ModelRuntime = kind(descriptor, options)
    return runtime
