"""How far what one model said lies from what another said about the same request: one pair of outputs."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from rendezvous_contracts.values import Plain
from scoring.v1.value_pb2 import Tensor

_NOTHING: Final[tuple[float, ...]] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """
    What two models said about one request, compared output by output.

    *largest*: of the distances between their numbers, those in tensors too; None where they have none in
    common. *disagrees*: whether any other output differs; None where there is none.
    """

    largest: float | None
    disagrees: bool | None


def difference(one: Mapping[str, Plain], other: Mapping[str, Plain]) -> Difference:
    """
    Return how *one* differs from *other*.

    An output that only one of the two has, or that is a number here and a text there, disagrees.
    """
    largest: float | None = None
    disagrees: bool | None = None
    for name in {**one, **other}:
        mine, theirs = one.get(name), other.get(name)
        numbers, others = _numbers(mine), _numbers(theirs)
        if numbers and len(numbers) == len(others):
            distance = max(abs(a - b) for a, b in zip(numbers, others, strict=True))
            # Further apart than a number can say is as far as one can.
            distance = distance if math.isfinite(distance) else math.nextafter(math.inf, 0)
            largest = distance if largest is None else max(largest, distance)
        else:
            disagrees = bool(disagrees) or mine != theirs
    return Difference(largest, disagrees)


def _numbers(value: Plain) -> tuple[float, ...]:
    """Return the numbers that *value* holds; none where it is something else."""
    if isinstance(value, bool):
        return _NOTHING
    if isinstance(value, int | float):
        return (float(value),)
    return tuple(value.numbers) if isinstance(value, Tensor) else _NOTHING
