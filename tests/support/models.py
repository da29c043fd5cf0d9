"""Models without a JVM, and the inputs that they score."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rendezvous_contracts.topics import INPUTS
from rendezvous_contracts.values import to_fields
from rendezvous_models.contract import Failure, Metadata, ModelRuntime, Outputs, Row, RuntimeOptions
from rendezvous_models.shelf import ReadyModel
from rendezvous_models.validation import InputValidator
from rendezvous_runtime.clock import Now
from rendezvous_runtime.testing import MemoryRecord
from scoring.v1.control_pb2 import Field, FieldType, Model
from scoring.v1.input_pb2 import Input

QUALITY = Field(name="quality", type=FieldType.FIELD_TYPE_NUMBER)
ALCOHOL = Field(name="alcohol", type=FieldType.FIELD_TYPE_NUMBER)


def halved(row: Row) -> Outputs | Failure:
    """What the model below says if nothing else is asked for."""
    alcohol = row["alcohol"]
    return {"quality": alcohol / 2} if isinstance(alcohol, float) else Failure("alcohol is no number")


class FunctionRuntime(ModelRuntime):
    """A model that is a Python function of one row; *batches* are the sizes of what it was asked."""

    def __init__(self, function: Callable[[Row], Outputs | Failure] = halved) -> None:
        super().__init__(Model(), RuntimeOptions())
        self.function = function
        self.batches: list[int] = []
        self.loaded = True
        self.unloaded = 0

    def load(self, artifact: Path) -> None:
        artifact.read_bytes()
        self.loaded = True

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        self.batches.append(len(rows))
        return [self.function(row) for row in rows]

    def unload(self) -> None:
        self.loaded = False
        self.unloaded += 1

    def metadata(self) -> Metadata:
        return Metadata(inputs=(ALCOHOL,), outputs=(QUALITY,))

    @property
    def ready(self) -> bool:
        return self.loaded


def ready_model(name: str, runtime: ModelRuntime | None = None) -> ReadyModel:
    runtime = runtime or FunctionRuntime()
    return ReadyModel(name, runtime, InputValidator((), runtime.metadata()))


def input_record(
    number: int,
    features: Mapping[str, object] | None = None,
    *,
    at: Now,
    route: str = "wine",
    revision: int = 1,
    budget_us: int = 100_000,
    problem: str = "",
    partition: int = 0,
    pinned: str = "",
    pin_problem: str = "",
) -> MemoryRecord:
    """The input r<number>, sent at *at* and read at once."""
    message = Input(
        id=f"r{number}",
        route=route,
        revision=revision,
        sent_at_us=at.wall,
        budget_us=budget_us,
        problem=problem,
        model=pinned,
        model_problem=pin_problem,
        features=to_fields({"alcohol": 10.0} if features is None else features),
    )
    headers = [("traceparent", b"00-a-b-01"), ("other", b"x")]
    value = message.SerializeToString()
    key = message.id.encode()
    return MemoryRecord(INPUTS, value, partition=partition, offset=number, key=key, headers=headers, at=at)
