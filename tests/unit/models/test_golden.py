import pytest
from rendezvous_contracts.values import Plain, to_fields
from rendezvous_models.contract import Failure, Outputs
from rendezvous_models.golden import agree, disagreements, golden_rows, tolerance_of
from scoring.v1.control_pb2 import Golden, Model
from scoring.v1.value_pb2 import Tensor


def tensor(*numbers: float) -> Tensor:
    return Tensor(shape=[len(numbers)], numbers=numbers)


@pytest.mark.parametrize(
    ("expected", "value", "agrees"),
    [
        (5.0, 5.0, True),
        (5.0, 5.004, True),
        (5.0, 5.006, False),
        (5.0, -5.0, False),
        (5, 5.0, True),
        (5.0, 5, True),
        (0.0, 1e-13, True),
        (0.0, 1e-3, False),
        (1e300, 1.0005e300, True),
        (1, True, False),
        (True, 1, False),
        (True, True, True),
        ("red", "red", True),
        ("red", "white", False),
        ("5", 5, False),
        (b"x", b"x", True),
        (5.0, None, False),
        (tensor(1.0, 2.0), tensor(1.0005, 2.0), True),
        (tensor(1.0, 2.0), tensor(1.1, 2.0), False),
        (tensor(1.0), tensor(1.0, 1.0), False),
        (tensor(1.0), Tensor(shape=[1, 1], numbers=[1.0]), False),
        (tensor(1.0), 1.0, False),
    ],
)
def test_outputs_agree_within_the_tolerance_and_in_kind(
    expected: Plain, value: Plain, *, agrees: bool
) -> None:
    assert agree(expected, value, 1e-3) is agrees


def record(outputs: dict[str, object]) -> Golden:
    return Golden(inputs=to_fields({"alcohol": 9.4}), outputs=to_fields(outputs))


@pytest.mark.parametrize(
    ("prediction", "problems"),
    [
        ({"quality": 5.0, "grade": "poor", "more": 1}, []),
        ({"quality": 6.0, "grade": "poor"}, ["golden record 1: quality is number 6.0, expected number 5.0"]),
        (
            {"quality": 5.0},
            ["golden record 1: grade is no output of the model, which has quality, expected text 'poor'"],
        ),
        (Failure("out of cheese"), ["golden record 1: out of cheese"]),
    ],
)
def test_each_disagreement_names_its_record_and_output(
    prediction: Outputs | Failure, problems: list[str]
) -> None:
    assert disagreements([record({"quality": 5.0, "grade": "poor"})], [prediction], 1e-6) == problems


def test_the_rows_of_golden_records_are_their_inputs() -> None:
    assert golden_rows([record({"quality": 5.0})]) == [{"alcohol": 9.4}]


def test_the_tolerance_is_small_unless_it_is_given() -> None:
    assert tolerance_of(Model()) == 1e-6
    assert tolerance_of(Model(golden_tolerance=0.0)) == 0.0
