"""
Objects with scikit-learn's predict, and predict_proba if they have it, as models of rows.

The columns are the features that the object was fitted with, by name, where it knows them; otherwise the
fields that the descriptor declares, in their order.
"""

import importlib
import importlib.util
import json
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from scoring.v1.control_pb2 import FieldType, Model

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.tensor_options import FIELDS, TensorOptions
from rendezvous_models.runtimes.tensor_runtime import TensorModel
from rendezvous_models.runtimes.tensors import Array, TensorSpec

_X: Final = "X"
_PREDICT, _PROBABILITIES = "predict", "predict_proba"
_TEXTS: Final = frozenset({FieldType.FIELD_TYPE_TEXT, FieldType.FIELD_TYPE_BLOB})
_FLOAT: Final = np.dtype(np.float64)
_TEXT: Final = np.dtype(np.object_)

# From the arrays of the inputs to what the object's methods take.
_Frame = Callable[[list[Array]], Any]


def estimator_model(made: Any, descriptor: Model) -> TensorModel:
    """
    Return *made* as a model. Its outputs are called predict and, by class, probability_CLASS.

    Raises BadModelError where its features and the declared fields do not fit together.
    """
    features = tuple(map(str, getattr(made, "feature_names_in_", ())))
    names = features or tuple(field.name for field in descriptor.inputs)
    texts = {field.name for field in descriptor.inputs if field.type in _TEXTS}
    framed = bool(features) and importlib.util.find_spec("pandas") is not None
    if texts & set(names):
        inputs = [TensorSpec(name, _TEXT if name in texts else _FLOAT, (None,)) for name in names]
        frame = _by_column(names) if framed else np.column_stack
    else:
        inputs = [TensorSpec(_X, _FLOAT, (None, getattr(made, "n_features_in_", None)))]
        descriptor = _in_order(descriptor, features)
        frame = _by_table(names) if framed else _first
    options = TensorOptions(descriptor)
    outputs = _outputs(made, len(descriptor.outputs))
    chosen = options.names("outputs") or tuple(spec.name for spec in outputs)
    return TensorModel(inputs, outputs, options, _call(made, frame, chosen))


def _in_order(descriptor: Model, features: tuple[str, ...]) -> Model:
    """Return *descriptor* with the order of the columns, if the object knows it and the options do not."""
    option = f"{FIELDS}.{_X}"
    if not features or option in descriptor.options:
        return descriptor
    ordered = Model()
    ordered.CopyFrom(descriptor)
    ordered.options[option] = json.dumps(features)
    return ordered


def _outputs(made: Any, promised: int) -> list[TensorSpec]:
    """Return what the object's methods give; a regression of several targets is known by what is promised."""
    classes = getattr(made, "classes_", None)
    labels = np.asarray([]) if isinstance(classes, list) or classes is None else np.asarray(classes)
    dtype = _FLOAT if not labels.size else _TEXT if labels.dtype.kind in "OSU" else labels.dtype
    several = promised > 1 and not labels.size
    outputs = [TensorSpec(_PREDICT, dtype, (None, promised) if several else (None,))]
    if labels.ndim == 1 and labels.size and hasattr(made, _PROBABILITIES):
        names = tuple(f"probability_{label}" for label in labels.tolist())
        outputs.append(TensorSpec(_PROBABILITIES, _FLOAT, (None, len(names)), names))
    return outputs


def _call(made: Any, frame: _Frame, chosen: Sequence[str]) -> Callable[[list[Array]], Sequence[Array]]:
    methods = [getattr(made, name, None) for name in chosen]
    if not all(map(callable, methods)):
        raise BadModelError(f"the object has no {' or '.join(chosen)}")

    def call(arrays: list[Array]) -> list[Array]:
        table = frame(arrays)
        return [np.asarray(method(table)) for method in methods if method]

    return call


def _first(arrays: list[Array]) -> Array:
    return arrays[0]


def _by_table(names: Sequence[str]) -> _Frame:
    frame = importlib.import_module("pandas").DataFrame
    return lambda arrays: frame(arrays[0], columns=names)


def _by_column(names: Sequence[str]) -> _Frame:
    frame = importlib.import_module("pandas").DataFrame
    return lambda arrays: frame(dict(zip(names, arrays, strict=True)))
