"""
An evaluator in a bare loop: python -m bench.evaluator_alone MODEL BATCH SECONDS, with an encoded Model.

What it is asked are rows that are there already, again and again; nothing is read, checked or sent.
"""

import base64
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rendezvous_models.contract import Failure, ModelRuntime, Row, RuntimeOptions, create_runtime
from rendezvous_models.warmup import warm_up
from rendezvous_runtime.clock import SystemClock
from scoring.v1.control_pb2 import Model

from bench.model_files import FIELDS

_ROWS: Final = 4_096


def main(model: Model, batch: int, seconds: float) -> dict[str, float]:
    """Return rows per second, and microseconds a row."""
    chance = random.Random(1)  # noqa: S311 - no secret
    rows: list[Row] = [{name: chance.uniform(0, 10) for name in FIELDS} for _ in range(_ROWS)]
    batches = [rows[start : start + batch] for start in range(0, _ROWS - batch + 1, batch)]
    runtime = create_runtime(model, RuntimeOptions())
    with tempfile.TemporaryDirectory() as folder:
        runtime.load(_artifact(runtime, Path(model.artifact.location), Path(folder)))
        warm_up(runtime, rows, SystemClock())
        per_s = _rate(runtime, batches, seconds)
    return {"rows_per_s": per_s, "us": 1e6 / per_s}


def _artifact(runtime: ModelRuntime, path: Path, folder: Path) -> Path:
    if not runtime.unpacks:
        return path
    shutil.unpack_archive(path, folder)
    return folder


def _rate(runtime: ModelRuntime, batches: Sequence[Sequence[Row]], seconds: float) -> float:
    done, started = 0, time.monotonic()
    while (passed := time.monotonic() - started) < seconds:
        for batch in batches:
            if any(isinstance(said, Failure) for said in runtime.predict(batch)):
                raise SystemExit("the evaluator failed")
            done += len(batch)
    return done / passed


if __name__ == "__main__":
    asked = Model.FromString(base64.b64decode(sys.argv[1]))
    print(json.dumps(main(asked, int(sys.argv[2]), float(sys.argv[3]))))
