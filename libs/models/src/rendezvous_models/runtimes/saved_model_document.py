"""
Reads what a SavedModel is made of before TensorFlow does, and refuses what could hurt.

TensorFlow runs parts of a model when it loads it: what restores variables and fills tables. So every graph
and function in the file is looked at, whether or not the signature that is served leads there.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple

from google.protobuf.message import DecodeError

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.tensorflow_library import message
from rendezvous_models.runtimes.tensorflow_ops import (
    SAVER_OPS,
    Registry,
    ancestors,
    check_ops,
    reachable,
    registry,
)

_FILE: Final = "saved_model.pb"
_INIT_SIGNATURE: Final = "__saved_model_init_op"
_RESTORE_ONLY: Final = frozenset({"RestoreV2"})


class SavedModelDocument(NamedTuple):
    """A SavedModel that only computes: its folder, its tags, and its signatures by name."""

    folder: Path
    tags: tuple[str, ...]
    signatures: dict[str, Any]


def read_saved_model(unpacked: Path, tags: tuple[str, ...]) -> SavedModelDocument:
    """
    Return the model somewhere below *unpacked*; *tags* choose, where it holds several graphs.

    Raises BadModelError that says what is wrong with it. Call tensorflow first.
    """
    folder = _find(unpacked)
    graph = _choose(_parse(folder / _FILE), tags)
    known = registry()
    if graph.HasField("object_graph_def"):
        _check_objects(graph, known)
    else:
        _check_session_graph(graph, known)
    signatures = {name: each for name, each in graph.signature_def.items() if name != _INIT_SIGNATURE}
    return SavedModelDocument(folder, tuple(graph.meta_info_def.tags), signatures)


def _find(unpacked: Path) -> Path:
    """Return the folder with the one model that is below *unpacked*, which exporters like to nest."""
    if not unpacked.is_dir():
        raise BadModelError("a SavedModel is published as an archive of its folder (zip or tar)")
    found = sorted(path.parent for path in unpacked.rglob(_FILE))
    if len(found) != 1:
        places = ", ".join(str(path.relative_to(unpacked)) for path in found[:5]) or "none"
        raise BadModelError(f"the archive must hold one {_FILE}; folders that have it: {places}")
    return found[0]


def _parse(path: Path) -> Any:
    content = path.read_bytes()
    try:
        parsed = message("protobuf.saved_model_pb2", "SavedModel").FromString(content)
    except DecodeError as error:
        raise BadModelError(f"{_FILE} is not a SavedModel message, or is truncated: {error}") from error
    if not parsed.meta_graphs:
        raise BadModelError(f"{_FILE} ({len(content)} bytes) has no graph in it")
    return parsed


def _choose(parsed: Any, tags: tuple[str, ...]) -> Any:
    graphs = list(parsed.meta_graphs)
    found = [each for each in graphs if not tags or set(each.meta_info_def.tags) == set(tags)]
    if len(found) != 1:
        choice = "; ".join(", ".join(each.meta_info_def.tags) for each in graphs)
        raise BadModelError(f"option tags must name those of one graph; there are: {choice}")
    return found[0]


def _check_objects(graph: Any, known: Registry) -> None:
    """Check a model that is made of objects: TensorFlow may run any function that an object has."""
    functions = _functions(graph)
    run = reachable(graph.object_graph_def.concrete_functions, functions)
    for name, function in functions.items():
        check_ops(function.node_def, known, besides=frozenset() if name in run else SAVER_OPS)
    check_ops(graph.graph_def.node, known, besides=SAVER_OPS)  # no object runs it


def _check_session_graph(graph: Any, known: Registry) -> None:
    """Check a model of one graph, as TensorFlow 1 made them: what is served, and what loads it, may run."""
    nodes = {node.name: node for node in graph.graph_def.node}
    served = ancestors(_served(graph), nodes)
    restored = ancestors([graph.saver_def.restore_op_name], nodes)
    check_ops((nodes[name] for name in served), known)
    check_ops((nodes[name] for name in restored - served), known, besides=_RESTORE_ONLY)
    check_ops(nodes.values(), known, besides=SAVER_OPS)
    for function in _functions(graph).values():
        check_ops(function.node_def, known)


def _served(graph: Any) -> Iterable[str]:
    for signature in graph.signature_def.values():
        yield from (info.name for info in signature.outputs.values())
    for key in ("saved_model_main_op", "legacy_init_op"):
        yield from graph.collection_def[key].node_list.value


def _functions(graph: Any) -> dict[str, Any]:
    return {each.signature.name: each for each in graph.graph_def.library.function}
