"""TensorFlow models to test with, small and made on the spot. *tf* is the library, imported by who asks."""

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rendezvous_models.contract import ModelRuntime, RuntimeOptions, create_runtime
from scoring.v1.control_pb2 import Model


def load_model(kind: str, path: Path, **descriptor: Any) -> ModelRuntime:
    """Return the model at *path*, loaded."""
    runtime = create_runtime(Model(type=kind, **descriptor), RuntimeOptions())
    runtime.load(path)
    return runtime


def save(tf: Any, folder: Path, function: Callable[..., Any], *specs: Any, variables: Any = None) -> Path:
    """Write a SavedModel in *folder* with *function* of *specs* as its only signature."""
    module = tf.Module()
    module.serve = tf.function(function, input_signature=specs, autograph=False)
    module.kept = variables
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return folder


def frozen(tf: Any, path: Path, function: Callable[..., Any], *specs: Any) -> Path:
    """Write the graph of *function* of *specs* to *path*, its variables as constants."""
    traced = tf.function(function, input_signature=specs, autograph=False).get_concrete_function()
    module = importlib.import_module("tensorflow.python.framework.convert_to_constants")
    definition = module.convert_variables_to_constants_v2(traced).graph.as_graph_def()
    path.write_bytes(definition.SerializeToString())
    return path


def linear(tf: Any, weights: Sequence[float], intercept: float) -> Any:
    """Return a function of a [?, F] tensor whose weights are variables, and the variables."""
    w = tf.Variable([[each] for each in weights], dtype=tf.float32)
    b = tf.Variable(intercept, dtype=tf.float32)
    return (lambda x: {"quality": tf.matmul(x, w) + b}), (w, b)
