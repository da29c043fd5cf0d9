"""What the demo can be told."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.wine.dataset import read_wines


@dataclass(frozen=True)
class Options:
    """
    How to run it: how many wines, how many in a second, and where what it needs and leaves lies.

    *slow_motion* stretches the SLA and the times of the tiers, for machines that are too busy to show them.
    """

    requests: int
    rate: float
    slow_motion: float
    models: Path
    data: Path
    report: Path


def read_options(argv: Sequence[str]) -> Options:
    """Return what *argv* asks for; ends the process with code 2 where it asks for what cannot be."""
    every = len(read_wines().features)
    parser = argparse.ArgumentParser(
        prog="demo", description="The main job on real input: see examples/wine."
    )
    parser.add_argument("--requests", type=int, default=every, help=f"how many wines (default: all {every})")
    parser.add_argument("--rate", type=float, default=60.0, help="wines in a second (default: 60)")
    parser.add_argument(
        "--slow-motion", type=float, default=1.0, help="stretch the SLA and the tiers by this (default: 1)"
    )
    parser.add_argument("--models", type=Path, default=Path("build/wine"), help="folder of the models")
    parser.add_argument("--data", type=Path, default=Path("build/demo"), help="data directory; it is emptied")
    parser.add_argument("--report", type=Path, default=Path("build/demo.json"), help="where figures go")
    given = parser.parse_args(argv)
    if not 1 <= given.requests <= every:
        parser.error(f"--requests is 1 to {every}")
    if not 0 < given.rate <= 10_000:
        parser.error("--rate is more than 0 and at most 10000")
    if not 1 <= given.slow_motion <= 100:
        parser.error("--slow-motion is 1 to 100")
    return Options(given.requests, given.rate, given.slow_motion, given.models, given.data, given.report)
