from collections.abc import Sequence

import pytest
from rendezvous_contracts.values import to_fields
from rendezvous_models.contract import Failure, Metadata, Outputs, Row
from rendezvous_models.errors import BadModelError, UnansweredError
from rendezvous_models.gate import Passage, pass_gate
from rendezvous_models.validation import InputValidator, input_fields
from rendezvous_models.warmup import NOT_MEASURED
from rendezvous_runtime.testing import VirtualClock
from scoring.v1.control_pb2 import Field, FieldType, Golden, Model

from tests.support.models import ALCOHOL, QUALITY, FunctionRuntime, halved

NUMBER, TEXT = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_TEXT


def gate(runtime: FunctionRuntime, descriptor: Model) -> Passage:
    validator = InputValidator(descriptor.inputs, runtime.metadata())
    return pass_gate(runtime, descriptor, validator, VirtualClock())


def golden(inputs: dict[str, object], quality: float = 5.0) -> Golden:
    return Golden(inputs=to_fields(inputs), outputs=to_fields({"quality": quality}))


def test_a_model_is_warmed_up_on_its_golden_records() -> None:
    seen: list[object] = []
    runtime = FunctionRuntime(lambda row: seen.append(row["alcohol"]) or halved(row))  # type: ignore[func-returns-value]

    gate(runtime, Model(golden=[golden({"alcohol": 10.0}), golden({"alcohol": 12.0}, 6.0)]))

    assert set(seen) == {10.0, 12.0}
    assert set(runtime.batches) == {1, 2, 32}


def test_a_model_without_golden_records_may_fail_on_a_row_that_was_made_up() -> None:
    passage = gate(FunctionRuntime(lambda _: Failure("no such wine")), Model(outputs=[QUALITY]))

    assert passage == Passage(NOT_MEASURED, "no such wine")


@pytest.mark.parametrize(
    ("descriptor", "reason"),
    [
        (Model(outputs=[Field(name="grade")]), "declares the output grade; the model has quality"),
        (
            Model(outputs=[Field(name="quality", type=TEXT)]),
            "output quality: expected a text or nothing, got number",
        ),
        (
            Model(golden=[golden({"alcohol": "strong"})]),
            r"golden record 1: its inputs do not fit: alcohol: expected a number, got text 'strong'",
        ),
        (
            Model(golden=[golden({})]),
            "golden record 1: its inputs do not fit: alcohol: expected a number, got nothing",
        ),
        (Model(golden=[golden({"alcohol": 10.0}, 5.1)]), "golden record 1: quality is number 5.0"),
        (
            Model(
                outputs=[Field(name="quality", type=NUMBER, maximum=4)], golden=[golden({"alcohol": 10.0})]
            ),
            "output quality: expected a number of at most 4, got number 5.0",
        ),
        (
            Model(golden=[golden({"alcohol": 10.0}, 1.0)] * 5),
            "golden record 3: quality .*; and 2 more",
        ),
    ],
)
def test_a_model_that_is_not_what_is_said_of_it_is_refused(descriptor: Model, reason: str) -> None:
    with pytest.raises(BadModelError, match=reason):
        gate(FunctionRuntime(), descriptor)


def test_an_optional_output_may_be_missing() -> None:
    gate(FunctionRuntime(), Model(outputs=[Field(name="grade", type=TEXT, optional=True)]))


def test_a_bound_of_an_output_is_not_held_against_a_row_that_was_made_up() -> None:
    gate(FunctionRuntime(), Model(outputs=[Field(name="quality", type=NUMBER, minimum=3)]))


class _Forgetful(FunctionRuntime):
    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        return super().predict(rows)[1:]


def test_a_model_that_loses_rows_is_refused() -> None:
    with pytest.raises(BadModelError, match="gave 0 outputs for 1 rows"):
        gate(_Forgetful(), Model())


class _Far(FunctionRuntime):
    def predict_within(self, rows: Sequence[Row], budget_us: int) -> list[Outputs | Failure]:
        assert budget_us
        return self.predict(rows)


def test_a_model_in_another_process_is_asked_a_few_times_only() -> None:
    runtime = _Far()

    gate(runtime, Model())

    assert len(runtime.batches) < 20


def test_a_model_in_another_process_that_does_not_answer_a_golden_record_may_later() -> None:
    descriptor = Model(golden=[golden({"alcohol": 10.0})])

    with pytest.raises(UnansweredError, match="golden record 1: the server is away") as caught:
        gate(_Far(lambda _: Failure("the server is away")), descriptor)
    assert caught.value.passing


def test_a_model_in_another_process_that_answers_a_golden_record_otherwise_is_refused() -> None:
    with pytest.raises(BadModelError, match=r"quality is number 5\.0, expected number 5\.5") as caught:
        gate(_Far(), Model(golden=[golden({"alcohol": 10.0}, 5.5)]))
    assert not caught.value.passing


def test_a_model_in_this_process_that_fails_on_a_golden_record_is_refused() -> None:
    with pytest.raises(BadModelError, match="golden record 1: no such wine"):
        gate(FunctionRuntime(lambda _: Failure("no such wine")), Model(golden=[golden({"alcohol": 10.0})]))


@pytest.mark.parametrize("row_us", [1_000_000, 400_000, 100_000])
def test_a_slow_model_does_not_hold_its_container_up_for_minutes(row_us: int) -> None:
    clock = VirtualClock()
    started = clock.now().mono

    def slow(row: Row) -> Outputs | Failure:
        clock.advance(row_us)
        return halved(row)

    runtime = FunctionRuntime(slow)
    passage = pass_gate(runtime, Model(), InputValidator((), runtime.metadata()), clock)

    assert passage.latency == (row_us, row_us)
    assert clock.now().mono - started < 12_000_000


OWN = Metadata((Field(name="colour", type=TEXT, categories=["red", "white"]), ALCOHOL), ())


@pytest.mark.parametrize(
    ("declared", "row", "problem"),
    [
        ([], {"colour": "red", "alcohol": 9.0}, ""),
        (
            [Field(name="colour", type=TEXT)],
            {"colour": "pink", "alcohol": 9.0},
            "colour: expected a text out of red",
        ),
        ([Field(name="colour", type=TEXT, categories=["pink"])], {"colour": "pink", "alcohol": 9.0}, ""),
        ([Field(name="colour", type=TEXT, optional=True)], {"alcohol": 9.0}, ""),
        ([Field(name="colour", type=TEXT)], {"colour": "red"}, "alcohol: expected a number, got nothing"),
        ([Field(name="year", type=NUMBER)], {"colour": "red", "alcohol": 9.0}, "year: expected a number"),
    ],
)
def test_a_row_has_to_fit_what_is_declared_and_what_the_model_itself_says(
    declared: list[Field], row: dict[str, float | str], problem: str
) -> None:
    found = InputValidator(declared, OWN).problem(row)

    assert problem in found
    assert bool(found) == bool(problem)


def test_bounds_that_are_left_open_are_the_models_own() -> None:
    own = Metadata((Field(name="a", type=NUMBER, minimum=1, maximum=9),), ())

    (field,) = input_fields([Field(name="a", type=NUMBER, maximum=5)], own)

    assert (field.minimum, field.maximum) == (1, 5)
