"""Small ONNX models, built by hand: no framework and no training."""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto, helper, numpy_helper


def linear(weights: Mapping[str, float], intercept: float = 0.0, *, output: str = "quality") -> bytes:
    """Return a weighted sum: a number for each name in *weights*, each a tensor of one column."""
    columns = [helper.make_tensor_value_info(name, TensorProto.DOUBLE, [None, 1]) for name in weights]
    matrix = np.array([[weight] for weight in weights.values()], dtype=np.float64)
    graph = helper.make_graph(
        [
            helper.make_node("Concat", list(weights), ["row"], axis=1),
            helper.make_node("MatMul", ["row", "weights"], ["product"]),
            helper.make_node("Add", ["product", "intercept"], [output]),
        ],
        "linear",
        columns,
        [helper.make_tensor_value_info(output, TensorProto.DOUBLE, [None, 1])],
        [
            numpy_helper.from_array(matrix, "weights"),
            numpy_helper.from_array(np.array([intercept]), "intercept"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    data: bytes = model.SerializeToString()
    return data
