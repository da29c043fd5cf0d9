"""The wines: 11 measured features each, and the quality that tasters gave them."""

import csv
from pathlib import Path
from typing import Final, NamedTuple

DATA: Final = Path(__file__).parent / "data" / "winequality-red.csv"
TARGET: Final = "quality"


class Wines(NamedTuple):
    """Rows in the order of the file: *features* under *names*, and the *quality* of each."""

    names: tuple[str, ...]
    features: list[list[float]]
    quality: list[float]


def read_wines(path: Path = DATA) -> Wines:
    """Return all wines of the file at *path*."""
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file, delimiter=";")
    if header[-1] != TARGET:
        raise ValueError(f"{path}: the last column is {header[-1]!r}, not {TARGET!r}")
    numbers = [[float(cell) for cell in row] for row in rows]
    return Wines(tuple(header[:-1]), [row[:-1] for row in numbers], [row[-1] for row in numbers])
