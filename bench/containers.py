"""Model containers beside their evaluators in a bare loop, and what all measurements of containers share."""

import atexit
import base64
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

from rendezvous_contracts.topics import INPUTS, SCORES
from rendezvous_contracts.values import to_fields
from rendezvous_local.process import ProcessSpec
from scoring.v1.control_pb2 import Artifact, Field, FieldType, Model
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request

from bench import model_files, records
from bench.errors import BenchError
from bench.scale import PARTITIONS, Scale
from bench.stand import Stand, Written
from bench.watching import middle_rate, watch

ROUTE: Final = "bench-containers"
# So long that nothing is past its deadline, however long the run takes.
SLA_US: Final = 3_600_000_000
BATCH: Final = 256
_SMALL_BATCH: Final = 64
_LIMIT_S: Final = 120.0
# With the import of a library, a JVM, and three seconds of warming up.
_START_S: Final = 300.0
_TO_END_S: Final = 600.0
_VERSION: Final = "1"
_MODULE: Final = "rendezvous_model_container"


class Kind(NamedTuple):
    """A model to measure: its name in figures, its type, its file, and how many inputs it catches up with."""

    name: str
    type: str
    file: str
    share: float


KINDS: Final = (
    Kind("pmml", "pmml", model_files.PMML, 0.6),
    Kind("onnx", "onnx", model_files.ONNX, 1.0),
    Kind("savedmodel", "tensorflow-savedmodel", model_files.NETWORK, 1.0),
    Kind("savedmodel_wide", "tensorflow-savedmodel", model_files.WIDE, 0.2),
)


@cache
def model_folder() -> Path:
    """Return a folder with the models, made once; it goes with this process."""
    folder = Path(tempfile.mkdtemp(prefix="rendezvous-bench-models-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    run_to_end("bench.model_files", str(folder))
    return folder


def run_to_end(module: str, *arguments: str) -> str:
    """Run a program of the bench and return what it writes; raises BenchError if it fails."""
    argv = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_TO_END_S, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise BenchError(f"{module} {' '.join(arguments)[:200]} failed:\n{done.stderr[-2_000:]}")
    return done.stdout


def prepare(stand: Stand) -> None:
    """Make the models known on this stand, once."""
    if stand.once("containers"):
        models = [described(kind) for kind in KINDS]
        stand.write(records.control(records.route(ROUTE, SLA_US, *map(model_id, KINDS)), models=models))


def model_id(kind: Kind) -> str:
    """Return name@version of *kind*."""
    return f"{_dashed(kind.name)}@{_VERSION}"


def described(kind: Kind) -> Model:
    """Return the descriptor of *kind*."""
    path = model_folder() / kind.file
    content = path.read_bytes()
    artifact = Artifact(location=str(path), sha256=sha256(content).digest(), size=len(content))
    fields = [Field(name=name, type=FieldType.FIELD_TYPE_NUMBER) for name in model_files.FIELDS]
    return Model(name=_dashed(kind.name), version=_VERSION, type=kind.type, artifact=artifact, inputs=fields)


def features(chance: random.Random) -> dict[str, float]:
    """Return the features of one input."""
    return {name: chance.uniform(0, 10) for name in model_files.FIELDS}


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def encoded_input(named: str, sent_at_us: int, values: Mapping[str, float]) -> bytes:
    """Return an input with its request, as the feature-extractor writes it."""
    fields = to_fields(values)
    request = Request(id=named, route=ROUTE, sent_at_us=sent_at_us, fields=fields)
    asked = Input(
        id=named, route=ROUTE, revision=records.REVISION, sent_at_us=sent_at_us, budget_us=SLA_US, digest=1,
        extracted_at_us=sent_at_us, extractor="pass-through", features=fields, request=request,
    )  # fmt: skip
    return asked.SerializeToString()


def _inputs(count: int) -> Iterator[Written]:
    now, chance = time.time_ns() // 1000, random.Random(1)  # noqa: S311 - no secret
    for number in range(count):
        named = records.request_id(number)
        value = encoded_input(named, now, features(chance))
        yield INPUTS, number % PARTITIONS, named.encode(), value


def container(stand: Stand, *kinds: Kind, **env: str) -> ProcessSpec:
    """Return a container of the models of *kinds*, in a group that has read nothing yet."""
    name = stand.unique("container")
    told = {
        "RENDEZVOUS_MODEL": ",".join(map(model_id, kinds)),
        "RENDEZVOUS_GROUP": name,
        "RENDEZVOUS_ARTIFACT_ROOTS": str(model_folder()),
        "RENDEZVOUS_MAX_BATCH": str(BATCH),
    }
    return stand.service(name, _MODULE, **told | env)


class Container:
    """A container that catches up with a backlog, and its evaluator alone at the same batch."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.name = f"container-{_dashed(kind.name)}"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Write once what all containers read."""
        prepare(stand)
        if stand.once("backlog"):
            stand.write(_inputs(scale.container_inputs))

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Return the rows a second of both, and what a row costs."""
        count = int(scale.container_inputs * self._kind.share)
        stand.empty(SCORES)
        with stand.running(container(stand, self._kind)) as (process,):
            rate = middle_rate(watch(stand, process, (SCORES,), count, _LIMIT_S, start_s=_START_S))
        bare = alone(self._kind, BATCH, scale.evaluator_s)
        few = alone(self._kind, _SMALL_BATCH, scale.evaluator_s)
        name = f"containers.{self._kind.name}"
        return {
            f"{name}_rows_per_s": rate.per_s,
            f"{name}_cpu_us_per_row": rate.cpu_us,
            f"{name}_bare_rows_per_s": bare["rows_per_s"],
            f"{name}_bare_us_per_row": bare["us"],
            f"{name}_bare_us_per_row_at_{_SMALL_BATCH}": few["us"],
        }


def alone(kind: Kind, batch: int, seconds: float) -> dict[str, float]:
    """Return how fast the evaluator of *kind* is in a bare loop, in a process of its own."""
    model = base64.b64encode(described(kind).SerializeToString()).decode()
    found: dict[str, float] = json.loads(run_to_end("bench.evaluator_alone", model, str(batch), str(seconds)))
    return found
