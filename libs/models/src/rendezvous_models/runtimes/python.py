"""
Models in Python: an object, or a function of rows, that an entry point of an installed wheel makes.

The code comes with the image, tested and pinned like all other code; the artifact only names it. Nothing is
unpickled, and nothing is imported that is not registered as an entry point of the group rendezvous.models.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Model
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Failure, Metadata, ModelRuntime, Outputs, Row, lacking
from rendezvous_models.errors import BadModelError, ModelError
from rendezvous_models.runtimes.batches import RowError, judged, predict_apart
from rendezvous_models.runtimes.python_document import PythonDocument, find_entry_point, read_python
from rendezvous_models.threads import granted_cpus, limit_native_pools

_ESTIMATORS: Final = "rendezvous_models.runtimes.python_estimator"
_ONLY_OUTPUT: Final = "prediction"


class _Predictor(Protocol):
    """A made model: what both kinds of it can do."""

    metadata: Metadata

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Return what it says of each of *rows*."""


class PythonRuntime(ModelRuntime):
    """A model that a registered factory makes."""

    _model: _Predictor | None = None

    def load(self, artifact: Path) -> None:
        """Make the model that the document at *artifact* names; raises ModelError."""
        document = read_python(artifact)
        entry = find_entry_point(document)
        limit_native_pools(granted_cpus())
        made = _made(document, _factory(entry.load, self.descriptor))
        if hasattr(made, "predict"):
            self._model = _estimator(made, self.descriptor)
        elif callable(made):
            self._model = _Function(made, self.descriptor)
        else:
            kind = type(made).__name__
            reason = f"made a {kind}, which neither has predict nor can be called with rows"
            raise BadModelError(f"the factory {document.entry_point!r} {reason}")

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Return the outputs of each row; NaN, infinity or nothing at all is a failure."""
        if self._model is None:
            return [Failure("the model is not loaded")] * len(rows)
        return self._model.predict(rows)

    def unload(self) -> None:
        """Let go of the model; its code stays imported."""
        self._model = None

    def metadata(self) -> Metadata:
        """Return the fields that the model was made for, else those that the descriptor declares."""
        if self._model is None:
            raise BadModelError("the model is not loaded")
        return self._model.metadata

    @property
    def ready(self) -> bool:
        """Whether it is loaded."""
        return self._model is not None


def _factory(load: Callable[[], Any], descriptor: Model) -> Callable[..., Any]:
    try:
        found = load()
    except ImportError as error:
        raise lacking(descriptor.type, error) from error
    except Exception as error:  # the import runs the distribution's code
        raise BadModelError(f"the entry point cannot be imported: {type(error).__name__}: {error}") from error
    if not callable(found):
        raise BadModelError(f"the entry point leads to a {type(found).__name__}, which is no factory")
    factory: Callable[..., Any] = found
    return factory


def _made(document: PythonDocument, factory: Callable[..., Any]) -> Any:
    try:
        return factory(**document.parameters)
    except ModelError:
        raise
    except Exception as error:  # it is the distribution's code
        reason = f"the factory {document.entry_point!r} raised {type(error).__name__}: {error}"
        raise BadModelError(reason) from error


def _estimator(made: Any, descriptor: Model) -> _Predictor:
    """Return *made* as a model of arrays; only here NumPy is needed, which comes with such objects."""
    try:
        module = importlib.import_module(_ESTIMATORS)
    except ImportError as error:
        raise lacking(descriptor.type, error) from error
    try:
        model: _Predictor = module.estimator_model(made, descriptor)
    except ModelError:
        raise
    except Exception as error:  # its properties are the distribution's code too
        kind = type(made).__name__
        raise BadModelError(
            f"the {kind} that was made is no model: {type(error).__name__}: {error}"
        ) from error
    return model


class _Function:
    """
    A function of a list of rows that returns, for each, its outputs.

    These are a mapping, or one value for the only output, or an exception for a row that has none.
    """

    def __init__(self, function: Callable[[list[dict[str, Plain]]], Any], descriptor: Model) -> None:
        self._function = function
        outputs = tuple(descriptor.outputs)
        self.metadata = Metadata(tuple(descriptor.inputs), outputs)
        self._only = outputs[0].name if len(outputs) == 1 else _ONLY_OUTPUT

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        return predict_apart(rows, self._batch)

    def _batch(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        # Copies, for other models score the same rows.
        return [self._outputs(each) for each in self._function([dict(row) for row in rows])]

    def _outputs(self, said: Any) -> Outputs | Failure:
        if isinstance(said, Exception):
            return Failure(f"the model failed: {type(said).__name__}: {said}")
        named = said if isinstance(said, Mapping) else {self._only: said}
        try:
            return judged({str(name): _plain(str(name), value) for name, value in named.items()})
        except RowError as error:
            return Failure(str(error))


def _plain(name: str, value: Any) -> Plain:
    """Return *value* as a field holds it: NumPy's scalars and arrays become Python's numbers and tensors."""
    if hasattr(value, "tolist"):
        shape, value = getattr(value, "shape", ()), value.tolist()
        if shape:
            return _tensor(name, shape, value)
    if value is None or isinstance(value, bool | int | float | str | bytes | Tensor):
        return value
    if isinstance(value, list | tuple):
        return _tensor(name, (len(value),), value)
    raise RowError(f"output {name} is a {type(value).__name__}, which no field can hold")


def _tensor(name: str, shape: tuple[int, ...], nested: Any) -> Tensor:
    flat = list(nested)
    for _ in shape[1:]:
        flat = [each for inner in flat for each in inner]
    try:
        return Tensor(shape=shape, numbers=flat)
    except (TypeError, ValueError) as error:
        raise RowError(f"output {name} is a list that is not all numbers") from error
