"""Asks services for their metrics at a steady pace, as an eager Prometheus would; a program."""

import sys
import time
from http.client import HTTPConnection
from typing import Final

PER_S: Final = 10
_TIMEOUT_S: Final = 30.0


def main(_bootstrap_servers: str, *doors: str) -> None:
    """Ask each of *doors* (host:port) ten times a second until it is ended from outside, or one fails."""
    connections = [HTTPConnection(door, timeout=_TIMEOUT_S) for door in doors]
    due = time.monotonic()
    while True:
        for connection in connections:
            connection.request("GET", "/metrics")
            connection.getresponse().read()
        # What was missed is not made up for: that would be another pace.
        due = max(due + 1 / PER_S, now := time.monotonic())
        time.sleep(due - now)


if __name__ == "__main__":
    main(*sys.argv[1:])
