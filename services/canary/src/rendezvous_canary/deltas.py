"""How far one output of a model lies from the canary's, over many requests: sums and bounded bins."""

import math
from dataclasses import dataclass, field
from typing import TypeGuard

from rendezvous_contracts.values import Plain
from rendezvous_control.sketch import Sketch

from rendezvous_canary.drift import Drift


@dataclass
class Deltas:
    """
    One output of one model on one route, against the canary's output of the same name.

    Numbers count by their difference (model less canary), all else by agreeing or not; *unlike* are pairs
    of a number and something else, *absent* those where one of the two has no such output.
    """

    count: int = 0
    total: float = 0.0
    absolute: float = 0.0
    largest: float = 0.0
    spread: Sketch = field(default_factory=Sketch)
    alike: int = 0
    agreed: int = 0
    unlike: int = 0
    absent: int = 0
    drift: Drift = field(default_factory=Drift)

    def add(self, model: Plain, canary: Plain) -> None:
        """Count one pair of outputs."""
        if model is None or canary is None:
            self.absent += 1
        elif _is_number(model) and _is_number(canary):
            self._add_number(float(model) - float(canary))
        elif _is_number(model) or _is_number(canary):
            self.unlike += 1
        else:
            self.alike += 1
            self.agreed += model == canary
            self.drift.add(float(model != canary))

    def _add_number(self, delta: float) -> None:
        if not math.isfinite(delta):  # both were finite, but further apart than a number can say
            self.unlike += 1
            return
        self.count += 1
        self.total += delta
        self.absolute += abs(delta)
        self.largest = max(self.largest, abs(delta))
        self.spread.add(abs(delta))
        self.drift.add(delta)

    @property
    def mean(self) -> float | None:
        """The mean difference of numbers; None before the first."""
        return self.total / self.count if self.count else None

    @property
    def mean_absolute(self) -> float | None:
        """The mean of the differences' sizes; None before the first."""
        return self.absolute / self.count if self.count else None

    @property
    def agreement(self) -> float | None:
        """The share of texts and flags that are the same; None before the first."""
        return self.agreed / self.alike if self.alike else None


def _is_number(value: Plain) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)
