"""
Frozen TensorFlow graphs, in this process: a serialized GraphDef whose variables have become constants.

A batch is one call. Python's lock is free while the model computes. The process must not fork once a model is
loaded: see tensorflow_library.
"""

import gc
from pathlib import Path
from typing import Any, Final

from google.protobuf.message import DecodeError

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.tensor_options import (
    CONSTANT,
    FIELDS,
    MISSING,
    OUTPUTS,
    SHAPE,
    TensorOptions,
)
from rendezvous_models.runtimes.tensor_runtime import TensorModel, TensorRuntime
from rendezvous_models.runtimes.tensorflow_library import is_imported, message, tensor_spec, tensorflow
from rendezvous_models.runtimes.tensorflow_ops import check_ops, node_name, registry
from rendezvous_models.runtimes.tensors import TensorSpec
from rendezvous_models.threads import granted_cpus

_INPUTS: Final = "inputs"
# Nodes that give nothing, or nothing that was computed from an input.
_NO_OUTPUTS: Final = frozenset({"NoOp", "Const", "Placeholder", "PlaceholderWithDefault", "Assert"})
_VARIABLES: Final = frozenset({"VarHandleOp", "Variable", "VariableV2"})


class GraphRuntime(TensorRuntime):
    """A frozen graph in one file. Options beside those of tensors: inputs, shape.T."""

    _session: Any = None

    def open(self, artifact: Path) -> TensorModel:
        """Return the model in the file at *artifact*; raises ModelError."""
        options = TensorOptions(
            self.descriptor, known=(_INPUTS, OUTPUTS), named=(FIELDS, CONSTANT, MISSING, SHAPE)
        )
        library = tensorflow(self.descriptor.type)
        definition = _parse(artifact)
        graph = _imported(library, definition)
        input_names = options.names(_INPUTS) or _placeholders(definition)
        inputs = [_spec(library, graph, name, options) for name in input_names]
        output_names = options.names(OUTPUTS) or _sinks(definition)
        outputs = [_spec(library, graph, name, options) for name in output_names]
        self._session = _session(library, graph)
        chosen = [_tensor(name) for name in output_names]
        call = self._session.make_callable(chosen, [_tensor(name) for name in input_names])
        return TensorModel(inputs, outputs, options, lambda arrays: call(*arrays))

    def unload(self) -> None:
        """Let go of the model, and of the memory that its session holds."""
        super().unload()
        if self._session is not None:
            self._session.close()
            self._session = None
            gc.collect()  # graphs are held in circles

    @property
    def starts_library(self) -> bool:
        """Whether TensorFlow is not imported yet."""
        return not is_imported()


def _parse(artifact: Path) -> Any:
    content = artifact.read_bytes()
    try:
        definition = message("framework.graph_pb2", "GraphDef").FromString(content)
    except DecodeError as error:
        raise BadModelError(f"the file is not a serialized GraphDef, or is truncated: {error}") from error
    if not definition.node:
        raise BadModelError(f"the file ({len(content)} bytes) is not a serialized GraphDef: it has no nodes")
    if variables := [node.name for node in definition.node if node.op in _VARIABLES]:
        raise BadModelError(f"the graph is not frozen: {variables[0][:120]!r} is a variable")
    known = registry()
    check_ops(definition.node, known)
    for function in definition.library.function:
        check_ops(function.node_def, known)
    return definition


def _imported(library: Any, definition: Any) -> Any:
    graph = library.Graph()
    try:
        with graph.as_default():
            library.graph_util.import_graph_def(definition, name="")
    except Exception as error:  # what it raises for a broken graph depends on what is broken
        raise BadModelError(f"TensorFlow refuses the graph: {type(error).__name__}: {error}") from error
    return graph


def _placeholders(definition: Any) -> tuple[str, ...]:
    found = tuple(node.name for node in definition.node if node.op == "Placeholder")
    if not found:
        raise BadModelError("the graph has no placeholder; option inputs names the tensors that are fed")
    return found


def _sinks(definition: Any) -> tuple[str, ...]:
    """Return the nodes whose results no other node takes."""
    taken = {node_name(source) for node in definition.node for source in node.input}
    nodes = [node for node in definition.node if node.op not in _NO_OUTPUTS]
    found = tuple(node.name for node in nodes if node.name not in taken)
    if not found:
        raise BadModelError("the graph computes nothing; option outputs names the tensors that are read")
    return found


def _spec(library: Any, graph: Any, name: str, options: TensorOptions) -> TensorSpec:
    try:
        tensor = graph.get_tensor_by_name(_tensor(name))
    except (KeyError, ValueError) as error:
        raise BadModelError(f"the graph has no tensor {name[:120]!r}") from error
    declared = options.shape(name)
    if declared and not tensor.shape.is_compatible_with(declared):
        raise BadModelError(f"option {SHAPE}.{name} does not fit the graph's own shape {tensor.shape}")
    sizes = None if tensor.shape.rank is None else tensor.shape.as_list()
    return tensor_spec(library, name, tensor.dtype, declared or sizes)


def _tensor(name: str) -> str:
    """Return the name of a tensor: of a node's first one, if no other is meant."""
    return name if ":" in name else f"{name}:0"


def _session(library: Any, graph: Any) -> Any:
    """
    Return a session of *graph*.

    A traced function would be called in a third of the time, but TensorFlow 2.21 keeps the constants of one
    after its end: 60 MB with every load of a graph of 19 MB.
    """
    config = library.compat.v1.ConfigProto(
        intra_op_parallelism_threads=granted_cpus(), inter_op_parallelism_threads=1
    )
    return library.compat.v1.Session(graph=graph, config=config)
