"""ONNX files that are broken or hostile are refused before the runtime reads them, or by it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from rendezvous_models.contract import ModelRuntime
from rendezvous_models.errors import BadModelError
from scoring.v1.control_pb2 import FieldType
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from tests.support.onnx_models import load_onnx, program

NUMBER, INTEGER = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_INTEGER
FLAG, TEXT, TENSOR = FieldType.FIELD_TYPE_FLAG, FieldType.FIELD_TYPE_TEXT, FieldType.FIELD_TYPE_TENSOR

Load = Callable[..., ModelRuntime]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    return partial(load_onnx, tmp_path)


def weights(values: int) -> Any:
    tensor = helper.make_tensor("t", TensorProto.FLOAT, [values], [0.0] * values)
    tensor.data_location = TensorProto.EXTERNAL
    tensor.ClearField("float_data")
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../etc/passwd"
    return tensor


def in_initializer(model: Any, tensor: Any) -> None:
    model.graph.initializer.append(tensor)


def in_constant(model: Any, tensor: Any) -> None:
    model.graph.node.insert(0, helper.make_node("Constant", [], ["t"], value=tensor))


def in_branch(model: Any, tensor: Any) -> None:
    branch = helper.make_graph([], "b", [], [helper.make_tensor_value_info("t", 1, [3])], [tensor])
    model.graph.node.append(helper.make_node("If", ["c"], ["z"], then_branch=branch, else_branch=branch))


def in_function(model: Any, tensor: Any) -> None:
    node = helper.make_node("Constant", [], ["t"], value=tensor)
    model.functions.append(helper.make_function("d", "F", [], ["t"], [node], [helper.make_opsetid("", 17)]))


def in_sparse_indices(model: Any, tensor: Any) -> None:
    sparse = model.graph.sparse_initializer.add()
    sparse.indices.CopyFrom(tensor)


@pytest.mark.parametrize("put", [in_initializer, in_constant, in_branch, in_function, in_sparse_indices])
def test_weights_in_another_file_are_refused_wherever_they_are(load: Load, put: Any) -> None:
    model = program("g (float[N] x) => (float[N] y) {y = Neg(x)}")
    put(model, weights(3))

    with pytest.raises(BadModelError, match="weights in another file"):
        load(model)


def test_a_truncated_model_is_refused(load: Load) -> None:
    data, labels = [[0.0], [1.0], [2.0]], ["a", "b", "b"]
    whole = to_onnx(LogisticRegression().fit(data, labels), np.array(data, np.float32)).SerializeToString()

    for length in range(1, len(whole) - 40, 17):  # what follows the graph is a version or two
        with pytest.raises(BadModelError):
            load(whole[:length])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the ONNX file is empty"),
        (b"\x00" * 100, "not an ONNX model"),
        (b"<PMML/>", "not an ONNX model"),
        (b"\x08\x07", "no graph"),
        (b"\xff" * 30, "makes no sense at byte"),
        (b"\x18\x00\x00\x00ORTM....", "ONNX Runtime's own format"),
        (b"\x3a\x00", "refuses the model"),
        (b"\x3a\x02\x0b\x0c", "makes no sense"),
        (b"\x38\x01", "makes no sense"),
    ],
)
def test_a_file_that_is_no_model_is_refused(load: Load, content: bytes, reason: str) -> None:
    with pytest.raises(BadModelError, match=reason):
        load(content)


def test_a_model_nested_without_end_is_refused(load: Load) -> None:
    content = b""
    for _ in range(60):
        content = b"".join(
            bytes([tag]) + _size(inner) + inner for tag, inner in [(0x32, content)]
        )  # attribute.g
        content = b"\x0a" + _size(b"\x2a" + _size(content) + content) + b"\x2a" + _size(content) + content
    with pytest.raises(BadModelError, match="nested more than 100 deep"):
        load(b"\x3a" + _size(content) + content)


def _size(content: bytes) -> bytes:
    size, found = len(content), b""
    while size >= 0x80:
        found += bytes([size & 0x7F | 0x80])
        size >>= 7
    return found + bytes([size])
