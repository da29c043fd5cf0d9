"""Model containers beside their evaluators in a bare loop, and what micro-batching costs."""

import base64
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
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
_LIMIT_S: Final = 60.0
_TO_MAKE_S: Final = 180.0
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


def prepare(stand: Stand, scale: Scale) -> None:
    """Make the models, and write once what all containers read."""
    if not stand.once("containers"):
        return
    argv = [sys.executable, "-m", "bench.model_files", str(stand.folder)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_TO_MAKE_S, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise BenchError(f"the models could not be made:\n{done.stderr[-2_000:]}")
    models = [described(stand.folder, kind) for kind in KINDS]
    named = [f"{model.name}@{model.version}" for model in models]
    stand.write(records.control(records.route(ROUTE, SLA_US, *named), models=models))
    stand.write(_inputs(scale.container_inputs))


def described(folder: Path, kind: Kind) -> Model:
    """Return the descriptor of *kind*, whose file is in *folder*."""
    path = folder / kind.file
    content = path.read_bytes()
    artifact = Artifact(location=str(path), sha256=sha256(content).digest(), size=len(content))
    fields = [Field(name=name, type=FieldType.FIELD_TYPE_NUMBER) for name in model_files.FIELDS]
    return Model(
        name=kind.name.replace("_", "-"), version="1", type=kind.type, artifact=artifact, inputs=fields
    )


def features(chance: random.Random) -> dict[str, float]:
    """Return the features of one input."""
    return {name: chance.uniform(0, 10) for name in model_files.FIELDS}


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
    return stand.service(
        name,
        _MODULE,
        RENDEZVOUS_MODEL=",".join(f"{kind.name.replace('_', '-')}@1" for kind in kinds),
        RENDEZVOUS_GROUP=name,
        RENDEZVOUS_ARTIFACT_ROOTS=str(stand.folder),
        RENDEZVOUS_MAX_BATCH=str(BATCH),
        **env,
    )


class Container:
    """A container that catches up with a backlog, and its evaluator alone at the same batch."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self.name = f"container-{kind.name.replace('_', '-')}"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Share the backlog and the models."""
        prepare(stand, scale)

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Return the rows a second of both, and what a row costs."""
        count = int(scale.container_inputs * self._kind.share)
        stand.empty(SCORES)
        with stand.running(container(stand, self._kind)) as (process,):
            rate = middle_rate(watch(stand, process, (SCORES,), count, _LIMIT_S))
        bare = alone(stand, self._kind, BATCH, scale.evaluator_s)
        few = alone(stand, self._kind, _SMALL_BATCH, scale.evaluator_s)
        name = f"containers.{self._kind.name}"
        return {
            f"{name}_rows_per_s": rate.per_s,
            f"{name}_cpu_us_per_row": rate.cpu_us,
            f"{name}_bare_rows_per_s": bare["rows_per_s"],
            f"{name}_bare_us_per_row": bare["us"],
            f"{name}_bare_us_per_row_at_{_SMALL_BATCH}": few["us"],
        }


def alone(stand: Stand, kind: Kind, batch: int, seconds: float) -> dict[str, float]:
    """Return how fast the evaluator of *kind* is in a bare loop, in a process of its own."""
    model = base64.b64encode(described(stand.folder, kind).SerializeToString()).decode()
    argv = [sys.executable, "-m", "bench.evaluator_alone", model, str(batch), str(seconds)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_TO_MAKE_S, check=False)  # noqa: S603 - ours
    if done.returncode:
        raise BenchError(f"{kind.name} could not be asked in a bare loop:\n{done.stderr[-2_000:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found
