"""What docs/models shows can be published as it stands there."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
import yaml
from jsonschema import Draft202012Validator
from rendezvous_contracts.policy import ModelDocument, parse_documents
from rendezvous_contracts.policy_schema import POLICY_SCHEMA
from rendezvous_models.contract import check_options, runtime_types
from rendezvous_models.errors import BadModelError
from rendezvous_models.recognise import of_document
from rendezvous_models.runtimes.python_document import read_python
from rendezvous_models.runtimes.remote_document import (
    GrpcDocument,
    JsonDocument,
    OpenInferenceHttpDocument,
    RemoteDocument,
    TensorFlowServingDocument,
    read_document,
)
from rendezvous_models.runtimes.tensor_options import CONSTANT, FIELDS, MISSING, OUTPUTS, SHAPE
from scoring.v1.control_pb2 import Model

PAGES: Final = sorted((Path(__file__).resolve().parents[3] / "docs" / "models").glob("*.md"))
BLOCK: Final = re.compile(r"^```(\w+)\n(.*?)^```", re.DOTALL | re.MULTILINE)
NAMED: Final = (FIELDS, CONSTANT, MISSING)
# Of each type that takes options: what it knows beside those of remote servers.
KNOWN: Final = {
    "onnx": ((OUTPUTS, "threads"), NAMED),
    "python": ((OUTPUTS,), NAMED),
    "tensorflow-graph": (("inputs", OUTPUTS), (*NAMED, SHAPE)),
    "tensorflow-savedmodel": ((OUTPUTS, "signature", "tags"), NAMED),
}
REMOTE: Final[Mapping[str, type[RemoteDocument]]] = {
    "json-http": JsonDocument,
    "open-inference-grpc": GrpcDocument,
    "open-inference-http": OpenInferenceHttpDocument,
    "tensorflow-serving": TensorFlowServingDocument,
}


def blocks(language: str) -> Iterator[object]:
    """Each example in *language*, named by its page and its first line."""
    for page in PAGES:
        for found in BLOCK.finditer(page.read_text()):
            if found[1] == language:
                yield pytest.param(found[2], id=f"{page.name}: {found[2].splitlines()[0]}")


def completed(text: str) -> str:
    """The example *text* with something in the place of what it leaves out."""
    return text.replace("sha256: …", f"sha256: {'ab' * 32}").replace("size: …", "size: 1")


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_model_in_the_documentation_fits_the_schema_and_can_be_applied(text: str) -> None:
    (document,) = parse_documents(completed(text), "the page")
    assert isinstance(document, ModelDocument)
    assert Draft202012Validator(POLICY_SCHEMA).is_valid(yaml.safe_load(completed(text)))

    model = document.model
    assert model.type in runtime_types()
    known, named = KNOWN.get(model.type, ((), ()))
    check_options(model, known, named)


@pytest.mark.parametrize("text", blocks("json"))
def test_a_document_in_the_documentation_is_one(text: str, tmp_path: Path) -> None:
    kind = of_document(text.encode())
    if kind == "python":
        (tmp_path / "document").write_text(text)
        assert read_python(tmp_path / "document").entry_point
    else:
        # A server of gRPC is one of two: what one of them refuses is the other's.
        assert read_document(REMOTE[kind or "open-inference-grpc"], text.encode(), {}).url


def test_there_are_examples_of_every_type_that_has_an_artifact_of_its_own() -> None:
    shown = {
        document.model.type
        for each in blocks("yaml")
        for document in parse_documents(completed(each.values[0]), "the page")  # type: ignore[attr-defined]
        if isinstance(document, ModelDocument)
    }

    assert shown >= {"pmml", "onnx", "python", "tensorflow-graph", "tensorflow-savedmodel"}


def test_an_option_that_a_type_does_not_know_is_found_in_an_example() -> None:
    with pytest.raises(BadModelError, match="there is no option 'threads'"):
        check_options(Model(type="pmml", options={"threads": "2"}))
