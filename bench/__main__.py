"""
Run the bench: python -m bench [CASE ...], or make bench.

Exit codes: 0 measured, whatever the figures are; 1 something could not be measured; 2 usage; 130 interrupted.
"""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog
from confluent_kafka import KafkaException
from rendezvous_local.errors import LocalError
from rendezvous_runtime.errors import ServiceError
from rich.console import Console

from bench.cases import GROUPS, NAMES, Case
from bench.compiled import use_compiled
from bench.errors import BenchError
from bench.machine import machine_facts
from bench.progress import Screen
from bench.report import table
from bench.results import Results, document
from bench.scale import FULL, QUICK, Scale
from bench.stand import open_stand

_INTERRUPTED: Final = 130


def main() -> int:
    """Measure and return the exit code."""
    options = _options()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    use_compiled()
    scale = QUICK if options.quick else FULL
    facts = machine_facts(quick=options.quick)
    results = Results()
    console = Console(stderr=True)
    try:
        with Screen(console) as screen:
            for group in GROUPS:
                measure([case for case in group if case.name in options.cases], scale, results, screen)
    except KeyboardInterrupt:
        console.print("interrupted; every process has ended")
        return _INTERRUPTED
    except (BenchError, LocalError, ServiceError, KafkaException) as error:
        console.print(f"error: {error}", style="red", markup=False)
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(document(results, facts), indent=2) + "\n")
    Console().print(table(results))
    console.print(f"All figures are in {options.output}.")
    return 0


def measure(cases: Sequence[Case], scale: Scale, results: Results, screen: Screen) -> None:
    """Measure *cases* in turns, against a broker of their own."""
    if not cases:
        return
    screen.expect(len(cases) * (scale.repeats + 1) + 1)
    screen.step("starting a broker")
    with open_stand() as stand:
        for case in cases:
            screen.step(f"{case.name}: preparing")
            case.prepare(stand, scale)
        for run in range(1, scale.repeats + 1):
            for case in cases:
                screen.step(f"{case.name}: run {run} of {scale.repeats}")
                figures = case.measure(stand, scale)
                results.add(figures)
                screen.say(case.name, figures)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measures Rendezvous beside its references: see docs/performance.md."
    )
    parser.add_argument(
        "cases", nargs="*", metavar="CASE", help=f"what to measure (default: all): {', '.join(NAMES)}"
    )
    parser.add_argument("--quick", action="store_true", help="show that it runs; the figures mean little")
    parser.add_argument("--output", type=Path, default=Path("build/bench.json"), help="where figures go")
    options = parser.parse_args()
    unknown = [name for name in options.cases if name not in NAMES]
    if unknown:
        parser.error(f"no case is called {', '.join(unknown)}; there are: {', '.join(NAMES)}")
    options.cases = options.cases or list(NAMES)
    return options


if __name__ == "__main__":
    sys.exit(main())
