"""Wines for the documents: rows under names with spaces and dots, whole and with gaps."""

import random
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

import numpy as np

from examples.wine.dataset import read_wines

ROWS: Final = 1_000
SEED: Final = 4

Row = dict[str, Any]


class Case(NamedTuple):
    """A document, and rows to score with it; where the referee lacks a part, *judged* says the same."""

    name: str
    document: str
    rows: Sequence[Row]
    judged: str = ""


class Training(NamedTuple):
    """What models are fitted to: *x* under *names*, quality *y* and its *grade*, a label."""

    names: tuple[str, ...]
    x: Any
    y: Any
    grade: Any


@cache
def training() -> Training:
    """Return the wines; every other name has a dot, the rest have spaces."""
    wines = read_wines()
    names = tuple(name.replace("_", "." if place % 2 else " ") for place, name in enumerate(wines.names))
    y = np.array(wines.quality)
    grade = np.where(y <= 5, "plain", np.where(y <= 6, "good", "very good"))
    return Training(names, np.array(wines.features), y, grade)


@cache
def _shuffled() -> list[Row]:
    data = training()
    order = np.random.default_rng(SEED).permutation(len(data.x))[:ROWS]
    return [dict(zip(data.names, data.x[place].tolist(), strict=True)) for place in order]


def rows(**more: Sequence[object]) -> list[Row]:
    """Return whole rows; each of *more* is a further field, with values to draw from."""
    rng = random.Random(SEED)  # noqa: S311 - no secret
    return [row | {name: rng.choice(values) for name, values in more.items()} for row in _shuffled()]


def gaps(given: Iterable[Row], share: float = 0.1, only: Sequence[str] = ()) -> list[Row]:
    """Return *given* rows with a *share* of the values missing, of the fields *only* where named."""
    rng = random.Random(SEED + 1)  # noqa: S311 - no secret
    return [
        {
            name: None if rng.random() < share and (not only or name in only) else value
            for name, value in row.items()
        }
        for row in given
    ]
