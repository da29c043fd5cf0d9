"""
TensorFlow: imported at the first model that needs it, quietly, with threads for the CPUs that are granted.

The import takes seconds and hundreds of megabytes, so nothing imports it at its top. A process that has it
must not fork: the child hangs in its first call. Start workers by spawn.
"""

import contextlib
import gc
import importlib
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np

from rendezvous_models.contract import lacking
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.tensors import Array, TensorSpec
from rendezvous_models.threads import granted_cpus, limit_native_pools

# No messages below fatal ones: what fails is raised as well.
_QUIET: Final = {"TF_CPP_MIN_LOG_LEVEL": "3"}


def is_imported() -> bool:
    """Return whether this process has the library already."""
    return "tensorflow" in sys.modules


def tensorflow(kind: str) -> Any:
    """Return the library, for models of type *kind*; raises RuntimeUnavailableError without it."""
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    limit_native_pools(granted_cpus())
    new = not is_imported()
    try:
        library = importlib.import_module("tensorflow")
    except ImportError as error:
        raise lacking(kind, error) from error
    if new:
        # What it is made of is never garbage: unload must not have to look at all of it.
        gc.collect()
        gc.freeze()
    library.get_logger().setLevel("ERROR")
    with contextlib.suppress(RuntimeError):  # it has begun to compute, and keeps the threads that it has
        library.config.threading.set_intra_op_parallelism_threads(granted_cpus())
        # A second thread for operators would cost more than the models of this size have to share.
        library.config.threading.set_inter_op_parallelism_threads(1)
    return library


def message(module: str, name: str) -> Any:
    """Return the class *name* of TensorFlow's generated *module* below core; call tensorflow first."""
    return getattr(importlib.import_module(f"tensorflow.core.{module}"), name)


class TracedCall:
    """
    *function* of tensors as a call of arrays; *specs* are those of its inputs, *keep* what it needs to live.

    It runs as one operation of TensorFlow: calling the traced function itself costs three times as much, all
    of it in Python (measured with a batch of 64 rows: 104 against 31 microseconds).
    """

    def __init__(
        self, library: Any, function: Callable[..., list[Any]], specs: Sequence[TensorSpec], keep: Any
    ) -> None:
        signature = [library.TensorSpec(spec.shape, library.as_dtype(spec.dtype)) for spec in specs]
        traced = library.function(function, input_signature=signature, autograph=False)
        self._traced = traced.get_concrete_function()
        self._captured = list(self._traced.captured_inputs)
        self._types = [each.dtype for each in self._traced.outputs]
        self._run = library.raw_ops.StatefulPartitionedCall
        self._keep = keep

    def __call__(self, arrays: list[Array]) -> Sequence[Array]:
        """Return the outputs; raises what TensorFlow raises."""
        # An array as it is: a constant made of it first would cost a quarter more.
        arguments = [*arrays, *self._captured]
        return [each.numpy() for each in self._run(args=arguments, Tout=self._types, f=self._traced)]


def tensor_spec(library: Any, name: str, dtype: Any, sizes: Iterable[int | None] | None) -> TensorSpec:
    """Return a spec; *dtype* as TensorFlow has it, *sizes* None for an unknown rank."""
    kind = library.as_dtype(dtype)
    if kind.is_quantized or kind in {library.resource, library.variant}:
        raise BadModelError(f"tensor {name!r} has elements of type {kind.name}, which no field can hold")
    shape = None if sizes is None else tuple(None if size in {None, -1} else size for size in sizes)
    return TensorSpec(name, np.dtype(kind.as_numpy_dtype), shape)
