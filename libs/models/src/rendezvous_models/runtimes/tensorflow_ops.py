"""
Which operations a TensorFlow model may have: those that compute.

A graph is a program: it can read and write files, reach the network, run Python, and end the process. An
operation is allowed if TensorFlow knows it as one without effects and it is not one of the exceptions below,
or if it is in the list of those with state that models need. Source: the registry of TensorFlow 2.21, by
what its operations take and do.
"""

import importlib
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from rendezvous_models.errors import BadModelError

# What TensorFlow does not count as an effect: files, addresses, Python, other graphs in a text, an end.
_WITHOUT_STATE_BUT_REFUSED: Final = re.compile(
    r"\w*(Dataset|Reader|Debug|Summary|TPU|feed|Queue|Xla)\w*"
    r"|ReadFile|MatchingFiles|ImmutableConst|GenerateVocabRemapping|InitializeTableFromTextFile"
    r"|PyFunc\w*|DecodeProtoV2|EncodeProto|GetElementAtIndex|Copy|CopyHost|Abort"
)
_WITH_STATE_BUT_ALLOWED: Final = re.compile(
    # variables, and what training leaves behind
    r"VarHandleOp|ReadVariableOp|Assign\w*VariableOp|VarIsInitializedOp|VariableShape|Variable(V2)?"
    r"|TemporaryVariable|DestroyResourceOp|DisableCopyOnRead|Resource\w+"
    # tables made of values
    r"|(Anonymous)?(Mutable)?(Dense)?HashTable\w*|LookupTable\w+|InitializeTableV2"
    # flow, and checks of values
    r"|(Stateful)?PartitionedCall|If|While|Case|Assert|CheckNumerics(V2)?|GuaranteeConst|DeepCopy|Empty"
    r"|DeviceIndex|TensorArray\w*|Stack\w*|Timestamp"
    # chance
    r"|Random(StandardNormal|Uniform|UniformInt|Gamma|Poisson|PoissonV2|Shuffle|Crop)|TruncatedNormal"
    r"|ParameterizedTruncatedNormal|Multinomial|Stateful(Uniform|Standard|Truncated|RandomBinomial)\w*"
    r"|NonDeterministicInts|Rng\w+|StatelessRandomGetAlg|SampleDistortedBoundingBox(V2)?"
    r"|(All|Uniform|LogUniform|LearnedUnigram|ThreadUnsafeUnigram)CandidateSampler"
    r"|BoostedTrees\w+"
)
# What writes and reads the variables' own files. TensorFlow puts these into every SavedModel.
SAVER_OPS: Final = frozenset({"SaveV2", "RestoreV2", "MergeV2Checkpoints"})

Registry = Callable[[str], Any]


def registry() -> Registry:
    """Return TensorFlow's own register of operations: a definition by name, None for one it does not know."""
    found: Registry = importlib.import_module("tensorflow.python.framework.op_def_registry").get
    return found


def check_ops(nodes: Iterable[Any], known: Registry, *, besides: frozenset[str] = frozenset()) -> None:
    """Raise BadModelError if one of *nodes* is of an operation that is not allowed, nor in *besides*."""
    first = {node.op: node.name for node in nodes}
    for op, name in first.items():
        if op in besides or _is_allowed(op, known(op)):
            continue
        raise BadModelError(
            f"the model has the operation {op[:60]} ({name[:120]!r}), which can do more than compute, "
            f"or is not known; export the model without it"
        )


def _is_allowed(op: str, definition: Any) -> bool:
    if definition is None:
        return False
    if definition.is_stateful:
        return bool(_WITH_STATE_BUT_ALLOWED.fullmatch(op))
    return not _WITHOUT_STATE_BUT_REFUSED.fullmatch(op)


def called_functions(nodes: Iterable[Any]) -> Iterator[str]:
    """Yield the names of the functions that *nodes* call."""
    for node in nodes:
        for value in node.attr.values():
            if value.HasField("func"):
                yield value.func.name
            yield from (each.name for each in value.list.func)


def reachable(roots: Iterable[str], functions: dict[str, Any]) -> set[str]:
    """Return the names of *roots* and of all of *functions* that they call, in turn."""
    found: set[str] = set()
    left = list(roots)
    while left:
        name = left.pop()
        if name not in found and name in functions:
            found.add(name)
            left.extend(called_functions(functions[name].node_def))
    return found


def ancestors(roots: Iterable[str], nodes: dict[str, Any]) -> set[str]:
    """Return the names of all of *nodes* that run when those of *roots* do."""
    found: set[str] = set()
    left = [node_name(root) for root in roots]
    while left:
        name = left.pop()
        if name not in found and name in nodes:
            found.add(name)
            left.extend(node_name(source) for source in nodes[name].input)
    return found


def node_name(tensor: str) -> str:
    """Return the name of the node that makes *tensor*: of "a:1", or of "^a", that is "a"."""
    return tensor.removeprefix("^").partition(":")[0]
