"""What all runtimes of tensors share: rows to arrays, one call for the batch, arrays to outputs."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from rendezvous_models.contract import Failure, Metadata, ModelRuntime, Outputs, Row
from rendezvous_models.errors import BadModelError, ModelError
from rendezvous_models.runtimes.batches import predict_apart
from rendezvous_models.runtimes.tensor_binding import (
    bind_inputs,
    bind_outputs,
    check_tensor_names,
    chosen_outputs,
)
from rendezvous_models.runtimes.tensor_options import TensorOptions
from rendezvous_models.runtimes.tensor_outputs import read_outputs
from rendezvous_models.runtimes.tensors import Array, TensorSpec, rows_at_once

# From the arrays of the inputs, in the order of their specs, to those of the outputs.
Call = Callable[[list[Array]], Sequence[Array]]


class TensorModel:
    """
    A model of tensors as a function of rows.

    *call* takes one array for each of *inputs*, and gives one for each of *outputs* as chosen: see
    chosen_outputs. Raises BadModelError where rows and tensors do not fit together.
    """

    def __init__(
        self, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec], options: TensorOptions, call: Call
    ) -> None:
        if not inputs or not outputs:
            raise BadModelError("the model has no inputs or no outputs")
        check_tensor_names((*inputs, *outputs), options)
        self._inputs = bind_inputs(inputs, options)
        self._outputs = bind_outputs(chosen_outputs(outputs, options), options)
        self._call = call
        self._limit = rows_at_once(tuple(each.spec for each in self._inputs if each.fields))
        self.metadata = Metadata(
            inputs=tuple(field for each in self._inputs for field in each.fields),
            outputs=tuple(field for each in self._outputs for field in each.fields),
        )

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Return what the model says of each of *rows*."""
        if self._limit:
            return [each for row in rows for each in predict_apart([row], self._batch)]
        return predict_apart(rows, self._batch)

    def _batch(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        arrays = [each.array(rows) for each in self._inputs]
        return read_outputs(self._outputs, self._call(arrays), len(rows))


class TensorRuntime(ModelRuntime):
    """A runtime whose models take and give tensors."""

    _model: TensorModel | None = None

    @abstractmethod
    def open(self, artifact: Path) -> TensorModel:
        """Return the model in *artifact*; raises ModelError."""

    def load(self, artifact: Path) -> None:
        """Load the model in *artifact*; raises ModelError."""
        try:
            self._model = self.open(artifact)
        except ModelError:
            raise
        except Exception as error:  # what the libraries raise for a broken model depends on what is broken
            raise BadModelError(f"the model cannot be loaded: {type(error).__name__}: {error}") from error

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Return the outputs of each row; NaN, infinity or nothing at all is a failure."""
        if self._model is None:
            return [Failure("the model is not loaded")] * len(rows)
        return self._model.predict(rows)

    def unload(self) -> None:
        """Let go of the model."""
        self._model = None

    def metadata(self) -> Metadata:
        """Return the fields that fill the model's tensors, and what its outputs are called."""
        if self._model is None:
            raise BadModelError("the model is not loaded")
        return self._model.metadata

    @property
    def ready(self) -> bool:
        """Whether it is loaded."""
        return self._model is not None
