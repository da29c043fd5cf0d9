"""One JVM for all tests of this folder: a process can have but one."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rendezvous_models.contract import ModelRuntime, RuntimeOptions, create_runtime
from scoring.v1.control_pb2 import Model


@pytest.fixture
def load_pmml(tmp_path: Path) -> Callable[[bytes], ModelRuntime]:
    def load(document: bytes) -> ModelRuntime:
        path = tmp_path / "model.pmml"
        path.write_bytes(document)
        runtime = create_runtime(Model(type="pmml"), RuntimeOptions(jvm_heap_mb=128))
        runtime.load(path)
        return runtime

    return load
