import pytest
from rendezvous_models.contract import RuntimeOptions, create_runtime, runtime_types
from rendezvous_models.errors import UnknownRuntimeError
from rendezvous_models.warmup import sample_row
from scoring.v1.control_pb2 import Field, FieldType, Model


def test_pmml_is_installed() -> None:
    assert "pmml" in runtime_types()


def test_a_type_that_nothing_serves_is_refused_and_what_is_there_named() -> None:
    with pytest.raises(UnknownRuntimeError, match=r"type 'abacus'; installed are: .*pmml"):
        create_runtime(Model(type="abacus"), RuntimeOptions())


def test_a_sample_row_fits_its_fields() -> None:
    fields = [
        Field(name="plain", type=FieldType.FIELD_TYPE_NUMBER),
        Field(name="from", type=FieldType.FIELD_TYPE_NUMBER, minimum=3, maximum=4),
        Field(name="to", type=FieldType.FIELD_TYPE_INTEGER, maximum=-5),
        Field(name="flag", type=FieldType.FIELD_TYPE_FLAG),
        Field(name="text", type=FieldType.FIELD_TYPE_TEXT),
        Field(name="one of", type=FieldType.FIELD_TYPE_TEXT, categories=["red", "white"]),
    ]

    assert sample_row(fields) == {
        "plain": 1.0,
        "from": 3.0,
        "to": -5,
        "flag": False,
        "text": "",
        "one of": "red",
    }
