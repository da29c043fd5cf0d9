"""The models that one process holds, as its data thread sees them: one mapping, swapped in whole."""

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

from rendezvous_models.contract import ModelRuntime, SupportsAsking, SupportsBudget
from rendezvous_models.cost import Cost
from rendezvous_models.usage import UsageCounter
from rendezvous_models.validation import InputValidator
from rendezvous_models.warmup import NOT_MEASURED, Latency


@dataclass(frozen=True)
class ReadyModel:
    """A model that can score: loaded, through its gate (*latency*), with its inputs' fields compiled."""

    name: str  # name@version
    runtime: ModelRuntime
    validator: InputValidator
    latency: Latency = NOT_MEASURED
    usage: UsageCounter = field(default_factory=UsageCounter)
    cost: Cost = field(default_factory=Cost)

    # What the runtime can is asked once: the check of a protocol costs more than the row of a small model.
    @cached_property
    def asking(self) -> SupportsAsking | None:
        """The runtime, where its model scores elsewhere."""
        return self.runtime if isinstance(self.runtime, SupportsAsking) else None

    @cached_property
    def budgeted(self) -> SupportsBudget | None:
        """The runtime, where it waits for another process."""
        return self.runtime if isinstance(self.runtime, SupportsBudget) else None


ReadyModels = Mapping[str, ReadyModel]


class Shelf:
    """
    Hands the ready models from the loader's thread to the data thread without a lock.

    *assigned* are the names (name@version) that this process is to score with, ready or not. The data thread
    works between open and its end; once a replaced mapping is_idle, nobody reads it any more, and what only
    it held can be unloaded.
    """

    def __init__(self, assigned: tuple[str, ...]) -> None:
        self.assigned = assigned
        self.ready: ReadyModels = MappingProxyType({})
        self.on_ask: Callable[[], object] = _nothing
        self._asked: set[str] = set()
        self._turns = 0  # odd while the data thread works; only it writes this

    @contextmanager
    def open(self) -> Iterator[ReadyModels]:
        """Yield the ready models of this moment; they stay loaded until the block ends."""
        self._turns += 1
        try:
            yield self.ready
        finally:
            self._turns += 1

    def ask(self, name: str) -> None:
        """Note that an input asks for *name*, which is not ready; *on_ask* is called for the first one."""
        if name not in self._asked:
            self._asked.add(name)
            self.on_ask()

    def take_asked(self) -> AbstractSet[str]:
        """Return what inputs have asked for in vain since the last call."""
        asked, self._asked = self._asked, set()
        return asked

    def replace(self, ready: ReadyModels) -> "Turn":
        """Swap in *ready*, and return what tells when nobody reads what was there before."""
        self.ready = MappingProxyType(dict(ready))
        return Turn(self, self._turns)

    @property
    def turns(self) -> int:
        """How often the data thread has begun or ended a piece of work."""
        return self._turns


def _nothing() -> None:
    """Nobody wants to know."""


class Turn:
    """The moment of a replacement."""

    def __init__(self, shelf: Shelf, turns: int) -> None:
        self._shelf = shelf
        self._turns = turns

    def is_over(self) -> bool:
        """Whether the work that the data thread was at, if it was, has ended since."""
        return self._turns % 2 == 0 or self._shelf.turns != self._turns
