"""What a document demands of its inputs."""

import pytest
from rendezvous_models.contract import Metadata
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.pmml_document import Limits, read_document
from rendezvous_models.runtimes.pmml_fields import input_fields
from rendezvous_models.validation import InputValidator
from scoring.v1.control_pb2 import Field

from tests.support import pmml


def _field(inner: str, mining: str = "", kind: str = "double") -> Field:
    optype = "categorical" if kind == "string" else "continuous"
    fields = f'<DataField name="x" optype="{optype}" dataType="{kind}">{inner}</DataField>'
    document = pmml.typed_regression(fields, f'<MiningField name="x" {mining}/>', "")
    return input_fields(read_document(document, Limits()))["x"]


def _interval(closure: str = "closedClosed", **margins: float) -> str:
    shown = " ".join(f'{key}Margin="{value}"' for key, value in margins.items())
    return f'<Interval closure="{closure}" {shown}/>'


@pytest.mark.parametrize(
    ("inner", "low", "high"),
    [
        (_interval(left=1, right=2), 1.0, 2.0),
        (_interval("openOpen", left=1, right=2), 1.0, 2.0),
        (_interval("closedOpen", left=1), 1.0, None),
        (_interval(left=1, right=2) + _interval(left=5, right=9), 1.0, 9.0),
        (_interval(left=1, right=2) + _interval("closedOpen", left=5), 1.0, None),
    ],
)
def test_intervals_become_the_range_that_encloses_them(
    inner: str, low: float | None, high: float | None
) -> None:
    field = _field(inner)

    assert (field.minimum if field.HasField("minimum") else None) == low
    assert (field.maximum if field.HasField("maximum") else None) == high


def test_an_interval_to_no_number_is_refused() -> None:
    with pytest.raises(BadModelError, match="interval to 'x'"):
        _field('<Interval closure="closedOpen" leftMargin="x"/>')


@pytest.mark.parametrize(
    ("mining", "optional"),
    [
        ("", False),
        ('missingValueReplacement="3"', True),
        ('missingValueTreatment="asIs"', True),
        ('missingValueTreatment="returnInvalid"', False),
        ('missingValueTreatment="returnInvalid" missingValueReplacement="3"', False),
    ],
)
def test_a_value_may_be_missing_if_the_schema_says_what_happens_then(mining: str, optional: bool) -> None:
    assert _field("", mining).optional is optional


@pytest.mark.parametrize("treatment", ["asIs", "asMissing", "asValue"])
def test_values_that_the_schema_treats_are_let_through(treatment: str) -> None:
    texts = '<Value value="red"/><Value value="white"/>'
    treated = f'invalidValueTreatment="{treatment}" invalidValueReplacement="red"'

    assert list(_field(texts, kind="string").categories) == ["red", "white"]
    assert not _field(texts, treated, kind="string").categories
    assert not _field(_interval(left=1, right=2), treated).HasField("minimum")


def test_a_value_that_stands_for_a_missing_one_is_let_through_where_one_may_be_missing() -> None:
    texts, numbers = (
        '<Value value="red"/><Value value="?" property="missing"/>',
        '<Value value="-1" property="missing"/>',
    )
    numbers += _interval(left=0, right=9)

    assert list(_field(texts, kind="string").categories) == ["red"]
    assert list(_field(texts, 'missingValueTreatment="asIs"', kind="string").categories) == ["red", "?"]
    assert _field(numbers).minimum == 0
    assert not _field(numbers, 'missingValueTreatment="asIs"').HasField("minimum")


def test_a_tree_that_has_a_way_for_missing_values_makes_its_inputs_optional() -> None:
    document = pmml.two_class_tree("a", 1.0)
    tolerant = document.replace(b"<TreeModel ", b'<TreeModel missingValueStrategy="defaultChild" ')

    assert not input_fields(read_document(document, Limits()))["a"].optional
    assert input_fields(read_document(tolerant, Limits()))["a"].optional


@pytest.mark.parametrize(
    "part",
    [
        '<Apply function="isMissing"><FieldRef field="x"/></Apply>',
        '<FieldRef field="x" mapMissingTo="1"/>',
        '<NormContinuous field="x" mapMissingTo="1"/>',
        '<SimplePredicate field="x" operator="isNotMissing"/>',
        '<CompoundPredicate booleanOperator="surrogate"><SimplePredicate field="x"/></CompoundPredicate>',
    ],
)
def test_a_field_that_is_asked_whether_it_is_missing_may_be(part: str) -> None:
    document = pmml.typed_regression('<DataField name="x" optype="continuous" dataType="double"/>', "", part)

    assert input_fields(read_document(document, Limits()))["x"].optional


def test_a_bad_input_gets_an_error_that_names_the_field() -> None:
    fields = [_field(_interval(left=0, right=14)), _field("", kind="integer"), _field("", kind="boolean")]
    wrong: list[object] = [15.0, 1.5, "true"]

    for field, value in zip(fields, wrong, strict=True):
        problem = InputValidator((), Metadata((field,), ())).problem({"x": value})  # type: ignore[dict-item]
        assert problem.startswith("x: expected")
