import subprocess
import sys
from pathlib import Path

import pytest
from rendezvous_models.contract import RuntimeOptions, create_runtime, runtime_types
from rendezvous_models.errors import RuntimeUnavailableError, UnknownRuntimeError
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


@pytest.mark.parametrize(
    ("kind", "library", "extra"),
    [
        ("onnx", "onnxruntime", "onnx"),
        ("tensorflow-graph", "tensorflow", "tensorflow"),
        ("tensorflow-savedmodel", "tensorflow", "tensorflow"),
    ],
)
def test_a_runtime_without_its_library_names_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, library: str, extra: str
) -> None:
    monkeypatch.delitem(sys.modules, "rendezvous_models.runtimes.onnx", raising=False)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(RuntimeUnavailableError, match=rf"{kind} lacks .*rendezvous-models\[{extra}\]"):
        create_runtime(Model(type=kind), RuntimeOptions()).load(tmp_path)


def test_making_a_tensorflow_runtime_imports_no_tensorflow() -> None:
    code = (
        "import sys; from rendezvous_models.contract import *; from scoring.v1.control_pb2 import Model;"
        "[create_runtime(Model(type=f'tensorflow-{k}'), RuntimeOptions()) for k in ('graph', 'savedmodel')];"
        "print('tensorflow' in sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
