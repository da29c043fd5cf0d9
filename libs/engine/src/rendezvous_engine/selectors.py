"""What a tier can use: given the scores that are in, which one, and whether waiting longer can help."""

from collections.abc import Collection, Container
from dataclasses import dataclass
from typing import Protocol


class Selector(Protocol):
    """The `use:` of a tier."""

    def pick(self, usable: Container[str]) -> str | None:
        """Return the model to answer with, of those whose scores are *usable*; None while there is none."""
        ...

    def hopeless(self, failed: Collection[str]) -> bool:
        """Return whether no score that can still come will do, now that *failed* came to nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """Exactly this model (name@version)."""

    model: str

    def pick(self, usable: Container[str]) -> str | None:
        """Return the model once it has a usable score."""
        return self.model if self.model in usable else None

    def hopeless(self, failed: Collection[str]) -> bool:
        """Return whether the model has failed."""
        return self.model in failed


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whatever came, best first."""

    models: tuple[str, ...]

    def pick(self, usable: Container[str]) -> str | None:
        """Return the best model that has a usable score."""
        return next((model for model in self.models if model in usable), None)

    def hopeless(self, failed: Collection[str]) -> bool:
        """Return whether all of them have failed."""
        return all(model in failed for model in self.models)
