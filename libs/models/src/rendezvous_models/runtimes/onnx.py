"""
ONNX models, by ONNX Runtime on the CPU.

A batch is one call, without Python's lock while the model computes.
"""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

# Read when the library is imported: from 1.29 on it reports to its maker unless told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.onnx_document import OnnxDocument, read_onnx
from rendezvous_models.runtimes.tensor_options import OUTPUTS, TensorOptions
from rendezvous_models.runtimes.tensor_runtime import TensorModel, TensorRuntime
from rendezvous_models.runtimes.tensors import Array, TensorSpec
from rendezvous_models.threads import granted_cpus

_DTYPES: Final[Mapping[str, Any]] = {
    "float": np.float32,
    "double": np.float64,
    "float16": np.float16,
    "int8": np.int8,
    "int16": np.int16,
    "int32": np.int32,
    "int64": np.int64,
    "uint8": np.uint8,
    "uint16": np.uint16,
    "uint32": np.uint32,
    "uint64": np.uint64,
    "bool": np.bool_,
    "string": np.object_,
}
_TENSOR: Final = re.compile(r"tensor\((\w+)\)")
_MAPS: Final = re.compile(r"seq\(map\(\w+,tensor\((\w+)\)\)\)")
_THREADS: Final = "threads"
_FATAL_ONLY: Final = 4  # what fails is raised as well


class OnnxRuntime(TensorRuntime):
    """A model in ONNX, in one file. Options beside those of tensors: threads."""

    def open(self, artifact: Path) -> TensorModel:
        """Return the model in the file at *artifact*; raises BadModelError."""
        options = TensorOptions(self.descriptor, known=(OUTPUTS, _THREADS))
        document = read_onnx(artifact)
        session = _session(artifact, min(options.count(_THREADS, granted_cpus()), granted_cpus()))
        outputs = [_output(each, document) for each in session.get_outputs()]
        chosen = options.names("outputs") or tuple(spec.name for spec in outputs)
        call = _Call(session, chosen, document)
        return TensorModel([_input(each) for each in session.get_inputs()], outputs, options, call)


def _session(artifact: Path, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that wait in a loop take the cores that other models score on: seen to cost ten times the CPU
    # time of a forest's batch. The pool that models could share knows no other way to wait.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _FATAL_ONLY
    try:
        return onnxruntime.InferenceSession(artifact, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime's exceptions have no base of their own
        raise BadModelError(f"ONNX Runtime refuses the model: {error}") from error


class _Call:
    """Runs the session."""

    def __init__(self, session: Any, outputs: Sequence[str], document: OnnxDocument) -> None:
        self._run = session.run
        self._inputs = [each.name for each in session.get_inputs()]
        self._outputs = list(outputs)
        labels = document.labels
        self._maps = {index: labels[name] for index, name in enumerate(outputs) if name in labels}

    def __call__(self, arrays: list[Array]) -> Sequence[Array]:
        found: list[Any] = self._run(self._outputs, dict(zip(self._inputs, arrays, strict=True)))
        for index, labels in self._maps.items():  # one for each row
            found[index] = np.array([[scores[label] for label in labels] for scores in found[index]])
        return found


def _input(node: Any) -> TensorSpec:
    found = _TENSOR.fullmatch(node.type)
    if not found or found[1] not in _DTYPES:
        raise BadModelError(f"input {node.name!r} is a {node.type}; a model's inputs are tensors")
    return TensorSpec(node.name, np.dtype(_DTYPES[found[1]]), _shape(node))


def _output(node: Any, document: OnnxDocument) -> TensorSpec:
    found = _TENSOR.fullmatch(node.type)
    if found and found[1] in _DTYPES:
        return TensorSpec(node.name, np.dtype(_DTYPES[found[1]]), _shape(node))
    found = _MAPS.fullmatch(node.type)
    labels = document.labels.get(node.name)
    if not found or not labels:
        raise BadModelError(
            f"output {node.name!r} is a {node.type}; outputs are tensors, or maps made by ZipMap"
        )
    columns = tuple(f"{node.name}_{label}" for label in labels)
    return TensorSpec(node.name, np.dtype(_DTYPES[found[1]]), (None, len(labels)), columns)


def _shape(node: Any) -> tuple[int | None, ...] | None:
    """Return the shape; dimensions with a name, or without any, are open."""
    if node.shape is None:
        return None
    return tuple(size if isinstance(size, int) and size > 0 else None for size in node.shape)
