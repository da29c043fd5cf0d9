"""The engine without a log: its speed, and the memory that open requests take."""

import json
import subprocess
import sys
from collections.abc import Mapping
from typing import Final

from bench.errors import BenchError
from bench.scale import Scale
from bench.stand import Stand

_TIMEOUT_S: Final = 120.0


class EngineAlone:
    """Parses, joins, decides and encodes, in a fresh process."""

    name = "engine"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Need nothing."""

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:  # noqa: ARG002 - as Case has it
        """Return its speed."""
        found = _run("bench.engine_alone", scale.engine_requests)
        return {
            "engine_requests_per_s": found["requests_per_s"],
            "engine_cpu_us_per_request": found["cpu_us"],
        }


class MailboxMemory:
    """Opens many requests, in a fresh process."""

    name = "memory"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Need nothing."""

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:  # noqa: ARG002 - as Case has it
        """Return what each takes."""
        return {"pending_bytes_per_request": _run("bench.mailbox_memory", scale.mailboxes)["bytes"]}


def _run(module: str, count: int) -> dict[str, float]:
    argv = [sys.executable, "-m", module, str(count)]
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603 - ours
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{module} did not end within {_TIMEOUT_S:g} s") from error
    if done.returncode:
        raise BenchError(f"{module} ended with exit code {done.returncode}:\n{done.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
