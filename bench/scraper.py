"""Asks services for their metrics at a steady pace, as an eager Prometheus would; a program."""

import sys
import time
from typing import Final
from urllib.request import urlopen

PER_S: Final = 10
_TIMEOUT_S: Final = 5.0


def main(_bootstrap_servers: str, *urls: str) -> None:
    """Ask each of *urls* ten times a second until it is ended from outside; an error ends it too."""
    due = time.monotonic()
    while True:
        for url in urls:
            with urlopen(url, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own services
                answer.read()
        # What was missed is not made up for: that would be another pace.
        due = max(due + 1 / PER_S, now := time.monotonic())
        time.sleep(due - now)


if __name__ == "__main__":
    main(*sys.argv[1:])
