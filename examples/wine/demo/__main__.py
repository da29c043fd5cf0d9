"""
Run the demo: python -m examples.wine.demo, or make demo.

Exit codes: 0 every criterion is met, 1 one is not or the system did not come up, 2 usage, 130 interrupted.
"""

import argparse
import logging
import signal
import sys
from pathlib import Path

from rendezvous_client.errors import ClientError
from rendezvous_contracts.errors import ContractError
from rendezvous_local.errors import LocalError
from rich.console import Console
from rich.logging import RichHandler

from examples.wine.dataset import read_wines
from examples.wine.demo.errors import DemoError
from examples.wine.demo.report import document, tables
from examples.wine.demo.run import Options, run, write
from examples.wine.demo.screen import Screen

_INTERRUPTED = 130


def main() -> int:
    """Run the demo and return its exit code."""
    options = _options()
    console = Console()
    logging.basicConfig(
        level=logging.WARNING, format="%(message)s", handlers=[RichHandler(console=console, show_path=False)]
    )
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    screen = Screen(console)
    try:
        result = run(options, screen)
    except KeyboardInterrupt:
        screen.say("interrupted; every process has ended")
        return _INTERRUPTED
    except (DemoError, LocalError, ClientError, ContractError) as error:
        screen.say(f"error: {error}\nThe logs are in {options.data / 'logs'}.")
        return 1
    write(document(result), options.report)
    for table in tables(result):
        console.print(table)
    screen.say(f"The figures are in {options.report}, the log and the archive in {options.data}.")
    if result.failures:
        screen.say("\n".join(["FAILED:", *result.failures, f"The logs are in {options.data / 'logs'}."]))
        return 1
    screen.say(f"PASSED: all {result.counts.sent} wines answered once, in time, and archived.")
    return 0


def _options() -> Options:
    every = len(read_wines().features)
    parser = argparse.ArgumentParser(
        prog="demo", description="The main job on real input: see examples/wine."
    )
    parser.add_argument("--requests", type=int, default=every, help=f"how many wines (default: all {every})")
    parser.add_argument("--rate", type=float, default=60.0, help="wines in a second (default: 60)")
    parser.add_argument("--models", type=Path, default=Path("build/wine"), help="folder of the models")
    parser.add_argument("--data", type=Path, default=Path("build/demo"), help="data directory; it is emptied")
    parser.add_argument("--report", type=Path, default=Path("build/demo.json"), help="where figures go")
    given = parser.parse_args()
    if not 1 <= given.requests <= every:
        parser.error(f"--requests is 1 to {every}")
    if not 0 < given.rate <= 10_000:
        parser.error("--rate is more than 0 and at most 10000")
    return Options(given.requests, given.rate, given.models, given.data, given.report)


if __name__ == "__main__":
    sys.exit(main())
