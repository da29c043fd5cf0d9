"""TCP ports on this machine."""

import random
import socket
from typing import Final

from rendezvous_local.errors import LocalError, PortInUseError

# Below the range that systems take outgoing ports from: a client that keeps trying to reach a broker that
# is down could otherwise take the broker's own port.
_FREE_RANGE: Final = range(20_000, 32_000)
_ATTEMPTS: Final = 200


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Return whether nothing listens on *port*."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nothing listens on now."""
    for _ in range(_ATTEMPTS):
        port = random.choice(_FREE_RANGE)  # noqa: S311 - not a secret
        if is_free(port, host):
            return port
    raise LocalError(f"no free port found between {_FREE_RANGE.start} and {_FREE_RANGE.stop - 1}")


def check_port(port: int, what: str, how_to_change: str, host: str = "127.0.0.1") -> None:
    """Raise PortInUseError, naming *what* needs it and *how_to_change* it, unless *port* is free."""
    if not is_free(port, host):
        raise PortInUseError(
            f"port {port}, for {what}, is in use: end the process that listens there "
            f"(lsof -i :{port}), or {how_to_change}"
        )
