"""What the figures were taken on."""

import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import confluent_kafka
import psutil
from rendezvous_local.jars import kafka_version

from bench.compiled import is_compiled

_LIBRARIES: Final = ("confluent-kafka", "faust-streaming", "protobuf", "quixstreams", "bytewax")
_CPUINFO: Final = Path("/proc/cpuinfo")


def machine_facts(*, quick: bool) -> Mapping[str, object]:
    """Return the machine, its load right now, and the versions of what runs on it."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": [round(each, 2) for each in os.getloadavg()],
        "system": platform.platform(),
        "engine": "compiled" if is_compiled() else "interpreted",
        "python": platform.python_version(),
        "kafka": kafka_version(),
        "librdkafka": confluent_kafka.libversion()[0],
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _cpu_model() -> str:
    """Return the processor's name where the system tells it (Linux), else its kind."""
    if _CPUINFO.exists():
        for line in _CPUINFO.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None
