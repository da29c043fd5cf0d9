"""A model that does to its process whatever a row tells it, installed as a distribution."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest
from rendezvous_contracts.values import to_fields
from rendezvous_models.contract import Failure, Outputs, RuntimeOptions
from rendezvous_models.isolation import Isolate, IsolatedRuntime, Place, create_isolated
from rendezvous_models.worker_keeper import WorkerLimits
from scoring.v1.control_pb2 import Field, FieldType, Golden, Model

from tests.support.control import model
from tests.support.python_models import install

CODE: Final = """
import ctypes, os, signal, sys, time

KEPT = []
DEEDS = {
    "hang": lambda _: ctypes.PyDLL(None).sleep(1000),  # in native code, and nobody else gets the interpreter
    "sleep": time.sleep,
    "crash": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "exit": lambda code: os._exit(int(code)),
    "leak": lambda mb: KEPT.append(b"x" * (int(mb) << 20)),
    "stop": lambda _: os.kill(os.getpid(), signal.SIGSTOP),
    "write": lambda _: [os.write(1, b"garbage" * 1000), print("more of it", flush=True)],
    "close": lambda _: os.closerange(3, 256),
    "raise": lambda _: 1 / 0,
    "nothing": lambda _: None,
}

def odd(at_load=None):
    if at_load:
        DEEDS[at_load](1)
    def score(rows):
        for row in rows:
            DEEDS[row["deed"]](row["much"])
        return [{"half": row["much"] / 2, "pid": os.getpid()} for row in rows]
    return score
"""
FIELDS: Final = [
    Field(name="deed", type=FieldType.FIELD_TYPE_TEXT),
    Field(name="much", type=FieldType.FIELD_TYPE_NUMBER),
]


def install_odd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have worker processes find the model."""
    install(folder, "odd_models", CODE, {"odd": "odd_models:odd"})
    monkeypatch.setenv("PYTHONPATH", str(folder))


def document(at_load: str = "") -> bytes:
    """The artifact; *at_load* is what it does as it is made."""
    parameters = {"at_load": at_load} if at_load else {}
    return json.dumps({"entry_point": "odd", "parameters": parameters}).encode()


def odd_model(name: str = "odd", at_load: str = "") -> Model:
    """Its descriptor, which asks for a process of its own."""
    descriptor = model(name, "1", document(at_load))
    descriptor.type = "python"
    descriptor.inputs.extend(FIELDS)
    descriptor.options["isolation"] = "process"
    golden = Golden(inputs=to_fields(row("nothing", 4.0)), outputs=to_fields({"half": 2.0}))
    descriptor.golden.append(golden)
    return descriptor


def row(deed: str = "nothing", much: float = 1.0) -> dict[str, str | float]:
    """A row that has the model do something."""
    return {"deed": deed, "much": much}


def odd_runtime(folder: Path, limits: WorkerLimits, at_load: str = "") -> IsolatedRuntime:
    """Return the model loaded in a worker; install_odd comes first."""
    path = folder / "odd.json"
    path.write_bytes(document(at_load))
    runtime = create_isolated(odd_model(at_load=at_load), RuntimeOptions(), Place(Isolate.ASKED, limits))
    assert isinstance(runtime, IsolatedRuntime)
    runtime.load(path)
    return runtime


def said(predictions: Sequence[Outputs | Failure]) -> list[object]:
    """What was said of each row: the half, or the reason why there is none."""
    return [each.reason if isinstance(each, Failure) else each["half"] for each in predictions]
