"""
Run the demo: python -m examples.wine.demo, or make demo.

Exit codes: 0 every criterion is met, 1 one is not or the system did not come up, 2 usage, 130 interrupted.
"""

import logging
import signal
import sys

from rendezvous_client.errors import ClientError
from rendezvous_contracts.errors import ContractError
from rendezvous_local.errors import LocalError
from rich.console import Console
from rich.logging import RichHandler

from examples.wine.demo.errors import DemoError
from examples.wine.demo.options import read_options
from examples.wine.demo.report import busy, document, tables
from examples.wine.demo.run import run, write
from examples.wine.demo.screen import Screen

_INTERRUPTED = 130


def main() -> int:
    """Run the demo and return its exit code."""
    options = read_options(sys.argv[1:])
    # What is piped on is not cut at the width of a terminal that is not there.
    console = Console() if sys.stdout.isatty() else Console(width=120)
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
        screen.say(busy(result))
        return 1
    screen.say(f"PASSED: all {result.counts.sent} wines answered once, in time, and archived.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
