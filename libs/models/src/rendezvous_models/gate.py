"""
The gate: what a loaded model has to pass before it serves.

It is warmed up on its golden records, or on a row made from its fields where it has none; its outputs are
held against the declared ones and the golden ones; how long a row takes is measured.
"""

from collections.abc import Sequence
from itertools import islice
from typing import Final, NamedTuple

from rendezvous_contracts.fields import FieldChecker, FieldProblem
from rendezvous_runtime.clock import Clock
from scoring.v1.control_pb2 import Field, Golden, Model

from rendezvous_models.contract import Failure, ModelRuntime, Outputs, Row, scores_elsewhere
from rendezvous_models.errors import BadModelError, UnansweredError
from rendezvous_models.golden import disagreements, golden_rows, tolerance_of
from rendezvous_models.validation import InputValidator
from rendezvous_models.warmup import NOT_MEASURED, Latency, measure, sample_row, warm_up

_MAX_NAMED: Final = 3


class Passage(NamedTuple):
    """
    How a model passed.

    *unproved* says why it has neither been warmed up nor measured, where that is so: without golden records,
    a row has to be made up, and a model may rightly fail on it.
    """

    latency: Latency
    unproved: str = ""


def pass_gate(runtime: ModelRuntime, descriptor: Model, validator: InputValidator, clock: Clock) -> Passage:
    """
    Return how *runtime* passed, once it has proved to be what *descriptor* says.

    Raises BadModelError that says what is not so; UnansweredError where a model in another process does not
    answer a golden record, for its server, or the way there, may have been in trouble just then. What the
    model's own code raises is the caller's to handle.
    """
    _check_names(descriptor.outputs, runtime.metadata().outputs)
    rows = _rows(descriptor.golden, validator)
    warm_up(runtime, rows, clock)
    predictions = runtime.predict(rows)
    if len(predictions) != len(rows):
        raise BadModelError(f"the model gave {len(predictions)} outputs for {len(rows)} rows")
    if descriptor.golden:
        if scores_elsewhere(runtime):
            _check_answered(predictions)
        _refuse(disagreements(descriptor.golden, predictions, tolerance_of(descriptor)))
        _check_outputs(descriptor.outputs, predictions)
    else:
        _check_outputs([_kind_only(field) for field in descriptor.outputs], predictions)
    if isinstance(failure := predictions[0], Failure):
        return Passage(NOT_MEASURED, failure.reason)
    return Passage(measure(runtime, rows, clock))


def _rows(golden: Sequence[Golden], validator: InputValidator) -> list[Row]:
    rows = golden_rows(golden)
    _refuse(
        [
            f"golden record {number}: its inputs do not fit: {problem}"
            for number, row in enumerate(rows, start=1)
            if (problem := validator.problem(row))
        ]
    )
    return rows or [sample_row(validator.fields)]


def _check_answered(predictions: Sequence[Outputs | Failure]) -> None:
    for number, prediction in enumerate(predictions, start=1):
        if isinstance(prediction, Failure):
            raise UnansweredError(f"golden record {number}: {prediction.reason}")


def _check_names(declared: Sequence[Field], outputs: Sequence[Field]) -> None:
    """Raise BadModelError for an output that is declared and that the model, which names its own, lacks."""
    own = [field.name for field in outputs]
    missing = [field.name for field in declared if field.name not in own and not field.optional]
    if own and missing:
        raise BadModelError(
            f"the descriptor declares the output {', '.join(missing)}; the model has {', '.join(own)}"
        )


def _check_outputs(declared: Sequence[Field], predictions: Sequence[Outputs | Failure]) -> None:
    checker = FieldChecker(declared, extras=True)
    problems: list[FieldProblem] = []
    for prediction in predictions:
        if not isinstance(prediction, Failure):
            problems += checker.problems(prediction)
    _refuse([f"output {problem}" for problem in problems])


def _kind_only(field: Field) -> Field:
    """Return *field* as far as a row that was made up can prove it."""
    return Field(name=field.name, type=field.type, optional=True)


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f"; and {len(problems) - _MAX_NAMED} more" if len(problems) > _MAX_NAMED else ""
        raise BadModelError("; ".join(islice(problems, _MAX_NAMED)) + more)
