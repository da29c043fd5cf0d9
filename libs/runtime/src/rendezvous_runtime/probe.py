"""
Asks the service on this machine whether it is ready: python -m rendezvous_runtime.probe.

For the health check of a container, whose image has no curl. It asks the port that RENDEZVOUS_WEB_PORT names,
and exits with 0 if the service is ready, else with 1 and the reason. Only the standard library, and little of
it: it is started every few seconds.
"""

import http.client
import os
import sys
from typing import Final

_TIMEOUT_S: Final = 3.0
_OK: Final = 200
_ANYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # what a service may listen on


def why_not_ready(host: str, port: int) -> str | None:
    """Return None if the service on *host* and *port* says that it is ready, else why it is not."""
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/health/ready")
        response = connection.getresponse()
        said = response.read(2_000).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        return f"no service answers on {host}:{port}: {error}"
    finally:
        connection.close()
    return None if response.status == _OK else said or str(response.status)


def main() -> int:
    """Return the exit code of the health check."""
    port = os.environ.get("RENDEZVOUS_WEB_PORT", "")
    if not port.isascii() or not port.isdecimal() or not 0 < int(port) <= 65_535:  # noqa: PLR2004
        sys.stderr.write(f"RENDEZVOUS_WEB_PORT is {port!r}: set it to the port to ask, 1 to 65535\n")
        return 1
    host = os.environ.get("RENDEZVOUS_WEB_HOST", "127.0.0.1")
    why = why_not_ready(_ANYWHERE.get(host, host), int(port))
    if why:
        sys.stderr.write(f"not ready: {why}\n")
    return 1 if why else 0


if __name__ == "__main__":
    sys.exit(main())
