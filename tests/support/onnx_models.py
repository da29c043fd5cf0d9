"""ONNX models to test with, and the runtime that serves them."""

from pathlib import Path
from typing import Any

import onnx.parser
from rendezvous_models.contract import ModelRuntime, RuntimeOptions, create_runtime
from scoring.v1.control_pb2 import Model


def load_onnx(folder: Path, model: Any, **descriptor: Any) -> ModelRuntime:
    """Load *model*, a message or its bytes, from a file in *folder*."""
    path = folder / "model.onnx"
    path.write_bytes(model if isinstance(model, bytes) else model.SerializeToString())
    runtime = create_runtime(Model(type="onnx", **descriptor), RuntimeOptions())
    runtime.load(path)
    return runtime


def program(text: str) -> Any:
    """Return a model of a few operators, written in ONNX's own notation."""
    return onnx.parser.parse_model(f'<ir_version: 8, opset_import: ["" : 17]> {text}')
