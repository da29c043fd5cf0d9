from hashlib import sha256

import pytest
from rendezvous_contracts.errors import BadPolicyError
from rendezvous_contracts.policy import (
    ModelDocument,
    RouteDocument,
    model_to_document,
    parse_documents,
    route_to_document,
    write_documents,
)
from rendezvous_contracts.policy_yaml import MAX_CHARACTERS
from rendezvous_contracts.values import from_fields, to_fields
from scoring.v1.control_pb2 import Extractor, Field, FieldType, Golden, Route, Scale, Select, Step, Tier

ROUTE = """\
# The champion first.
route: wine
description: How good is this wine?
sla: 50ms
schedule:
  - use: wine-forest@3
  - after: 20ms
    use: wine-mlp@1
  - after: 35ms
    use: any
default: {quality: 5.6}
canary: wine-linear@1
models: [wine-forest@3, wine-mlp@1]
shadows: [wine-new@1]
late: 1.5s
extract:
  - select: [alcohol, "total sulfur dioxide"]
  - scale: {field: alcohol, offset: 10}
inputs:
  alcohol: number
  colour: {type: text, categories: [red, white], optional: true}
"""

MODEL = """\
model: wine-forest@3
type: pmml
description: A forest
data_type: wine
author: ada
quality: 0.61
artifact: {path: forest.pmml}
inputs:
  alcohol: {type: number, minimum: 0, maximum: 20.5}
outputs:
  quality: number
"""


def test_a_route_is_read_whole() -> None:
    (document,) = parse_documents(ROUTE, "wine.yaml")

    assert isinstance(document, RouteDocument)
    assert (document.source, document.line) == ("wine.yaml", 2)
    assert document.route == Route(
        name="wine",
        description="How good is this wine?",
        sla_us=50_000,
        schedule=[
            Tier(model="wine-forest@3"),
            Tier(after_us=20_000, model="wine-mlp@1"),
            Tier(after_us=35_000, any=True),
        ],
        default=to_fields({"quality": 5.6}),
        canary="wine-linear@1",
        models=["wine-forest@3", "wine-mlp@1"],
        shadows=["wine-new@1"],
        late_us=1_500_000,
        extractor=Extractor(
            steps=[
                Step(select=Select(fields=["alcohol", "total sulfur dioxide"])),
                Step(scale=Scale(field="alcohol", offset=10, factor=1)),
            ]
        ),
        inputs=[
            Field(name="alcohol", type=FieldType.FIELD_TYPE_NUMBER),
            Field(name="colour", type=FieldType.FIELD_TYPE_TEXT, categories=["red", "white"], optional=True),
        ],
    )


def test_a_model_is_read_and_its_file_is_left_to_the_caller() -> None:
    (document,) = parse_documents(MODEL, "models.yaml")

    assert isinstance(document, ModelDocument)
    assert document.path == "forest.pmml"
    assert not document.model.HasField("artifact")
    assert (document.model.name, document.model.version, document.model.type) == ("wine-forest", "3", "pmml")
    assert (document.model.data_type, document.model.author, document.model.quality) == ("wine", "ada", 0.61)
    assert document.model.inputs[0] == Field(
        name="alcohol", type=FieldType.FIELD_TYPE_NUMBER, minimum=0, maximum=20.5
    )


def test_a_text_holds_several_documents_each_with_its_line() -> None:
    documents = parse_documents(f"{MODEL}---\n---\n{ROUTE}", "all.yaml")

    assert [(type(document), document.line) for document in documents] == [
        (ModelDocument, 1),
        (RouteDocument, 15),
    ]


def artifact(text: str) -> ModelDocument:
    (document,) = parse_documents(f"model: a@1\ntype: pmml\nartifact: {text}\n", "m.yaml")
    assert isinstance(document, ModelDocument)
    assert document.path is None
    return document


@pytest.mark.parametrize(
    "text", ["{data: <PMML/>}", "{data: !!binary PFBNTUwvPg==}", "\n  data: |-\n    <PMML/>"]
)
def test_data_written_inline_is_digested(text: str) -> None:
    found = artifact(text).model.artifact

    assert found.data == b"<PMML/>"
    assert (found.size, found.sha256) == (7, sha256(b"<PMML/>").digest())


@pytest.mark.parametrize("digest", ["ab" * 32, "12" * 32])
def test_an_artifact_that_lies_elsewhere_is_described(digest: str) -> None:
    document = artifact(f"{{location: https://store/a.pmml, sha256: {digest}, size: 12}}")

    found = document.model.artifact
    assert (found.location, found.size, found.sha256) == ("https://store/a.pmml", 12, bytes.fromhex(digest))
    written = write_documents([model_to_document(document.model)])
    assert parse_documents(written, "again")[0] == ModelDocument("again", 1, document.model, None)


CHECKED = """\
model: wine-forest@3
type: onnx
artifact: {data: x}
options: {output.quality: variable, threads: 2, fast: true, scale: 1e3}
golden:
  - inputs: {alcohol: 9.4, colour: red}
    outputs: {quality: 5.6, grade: poor, sure: false}
golden_tolerance: 0.001
"""


def test_a_model_says_its_options_and_what_it_has_to_answer() -> None:
    (document,) = parse_documents(CHECKED, "m.yaml")

    assert isinstance(document, ModelDocument)
    assert dict(document.model.options) == {
        "output.quality": "variable",
        "threads": "2",
        "fast": "true",
        "scale": "1e3",
    }
    assert list(document.model.golden) == [
        Golden(
            inputs=to_fields({"alcohol": 9.4, "colour": "red"}),
            outputs=to_fields({"quality": 5.6, "grade": "poor", "sure": False}),
        )
    ]
    assert document.model.golden_tolerance == 0.001
    written = write_documents([model_to_document(document.model)])
    assert parse_documents(written, "again")[0] == ModelDocument("again", 1, document.model, None)


def test_a_tolerance_that_is_not_given_is_not_written() -> None:
    assert "golden_tolerance" not in model_to_document(artifact("{data: x}").model)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("0.001", "-1", "m.yaml:8: golden_tolerance: -1 is no relative tolerance"),
        ("0.001", ".nan", "m.yaml:8: golden_tolerance: .nan is not a finite number"),
        ("2, fast", "[2], fast", "m.yaml:4: threads: expected text, got a list"),
        ("outputs:", "output:", "m.yaml:7: output: there is no such key here; did you mean outputs?"),
        (
            "{quality: 5.6, grade: poor, sure: false}",
            "{}",
            "m.yaml:7: outputs: a golden record without an output",
        ),
        ("9.4", ".inf", "m.yaml:6: alcohol: .inf is not a finite number"),
        ("9.4", "null", "m.yaml:6: alcohol: it has no value"),
    ],
)
def test_what_is_wrong_with_options_and_golden_records_is_said_at_its_place(
    old: str, new: str, problem: str
) -> None:
    with pytest.raises(BadPolicyError) as error:
        parse_documents(CHECKED.replace(old, new), "m.yaml")
    assert problem in str(error.value)


def test_words_that_older_yaml_takes_for_flags_are_texts() -> None:
    text = (
        "route: a\nsla: 1ms\ndefault: {country: no, state: on, time: 12:30:00, n: 1e3, whole: 7, sure: true}"
    )

    (document,) = parse_documents(text, "a.yaml")

    assert isinstance(document, RouteDocument)
    assert from_fields(document.route.default) == {
        "country": "no",
        "state": "on",
        "time": "12:30:00",
        "n": 1000.0,
        "whole": 7,
        "sure": True,
    }


def test_what_a_route_leaves_unsaid_is_not_written() -> None:
    route = Route(name="wine", sla_us=50_000, default=to_fields({"quality": 5.6}))

    assert route_to_document(route) == {"route": "wine", "sla": "50ms", "default": {"quality": 5.6}}


BASE = "route: w\nsla: 5ms\ndefault: {a: 1}\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- a", "f.yaml:1: the document: expected a mapping, got a list"),
        ("foo: 1", "f.yaml:1: the document: its first key is 'foo': begin with route or model"),
        ("sla: 5ms\nroute: w", "f.yaml:1: the document: its first key is 'sla'"),
        ("{}", "f.yaml:1: the document: its first key is ''"),
        ("route: W", "f.yaml:1: route: route name 'W': use 1 to 63"),
        ("route: 3", "f.yaml:1: route: expected text, got an integer: put 3 in quotes"),
        ("route: w", "f.yaml:1: the document: sla is missing"),
        ("route: w\nsla: 50", "f.yaml:2: sla: a duration needs a unit"),
        ("route: w\nsla: 50 ms", "f.yaml:2: sla: '50 ms' is not a duration"),
        ("route: w\nsla: 99999s", "f.yaml:2: sla: it may be 4294.967295s at most"),
        ("route: w\nsla: 5ms", "f.yaml:1: the document: default is missing"),
        (
            "route: w\nsla: 5ms\nshedule: []",
            "f.yaml:3: shedule: there is no such key here; did you mean schedule?",
        ),
        ("route: w\nsla: 5ms\nzzz: []", "f.yaml:3: zzz: there is no such key here; known are route, "),
        ("route: w\nsla: 5ms\ndefault:\n  a: 1\n  a: 2", "f.yaml:5: a: it is there twice"),
        ("route: w\nsla: 5ms\ndefault: {a: .nan}", "f.yaml:3: a: .nan is not a finite number"),
        ("route: w\nsla: 5ms\ndefault: {a: -.INF}", "f.yaml:3: a: -.INF is not a finite number"),
        ("route: w\nsla: 5ms\ndefault: {a: }", "f.yaml:3: a: it has no value"),
        (
            "route: w\nsla: 5ms\ndefault: {a: 9223372036854775808}",
            "f.yaml:3: default: a: 9223372036854775808 needs",
        ),
        (f"route: w\nsla: 5ms\ndefault: {{a: {'9' * 5000}}}", "needs more than 64 bits"),
        ("route: w\nsla: 5ms\ndefault: {1: 1}", "f.yaml:3: a key of default: expected text, got an integer"),
        ("route: w\nsla: 5ms\ndefault: {a: !!binary '***'}", "f.yaml:3: a: not base 64"),
        (
            "route: w\nsla: 5ms\ndefault: {a: {shape: [1], number: [1]}}",
            "number: there is no such key here; did you",
        ),
        ("route: w\nsla: 5ms\ndefault: {a: {shape: [99999999999999999999], numbers: []}}", "does not travel"),
        ("route: w\nsla: 5ms\ndefault: [a]", "f.yaml:3: default: expected a mapping, got a list"),
        (f"{BASE}schedule:\n  - use: wine", "f.yaml:5: use: 'wine': a model is named name@version"),
        (f"{BASE}schedule:\n  - after: 1ms", "f.yaml:5: schedule, number 1: use is missing"),
        (f"{BASE}schedule:\n  use: any", "f.yaml:4: schedule: expected a list, got a mapping"),
        (f"{BASE}canary:", "f.yaml:4: canary: expected text, got nothing"),
        (f"{BASE}inputs: {{a: nmber}}", "f.yaml:4: a: there is no type 'nmber': use one of any, number"),
        (f"{BASE}inputs: {{a: {{optional: 1}}}}", "f.yaml:4: a: type is missing"),
        (
            f"{BASE}inputs: {{a: {{type: text, optional: 1}}}}",
            "optional: expected true or false, got an integer",
        ),
        (f"{BASE}inputs: {{a: {{type: number, minimum: low}}}}", "minimum: expected a number, got text"),
        (
            f"{BASE}extract:\n  - select: [a]\n    rename: {{a: b}}",
            "f.yaml:5: extract, number 1: a step is one of",
        ),
        (
            f"{BASE}extract:\n  - selct: [a]",
            "f.yaml:5: selct: there is no such key here; did you mean select?",
        ),
        (f"{BASE}extract:\n  - scale: {{field: a, factor: 0}}", "f.yaml:4: extract: step 1 (scale)"),
        ("model: a@1", "f.yaml:1: the document: artifact is missing"),
        ("model: a", "f.yaml:1: model: 'a': a model is named name@version"),
        ("model: a@1\nartifact: {path: x}", "type is missing"),
        ("model: a@1\nartifact: {path: x, data: y}", "f.yaml:2: artifact: name one of path, data, location"),
        ("model: a@1\nartifact: {path: x, size: 3}", "sha256 and size belong to a location"),
        ("model: a@1\nartifact: {location: x, size: 3}", "f.yaml:2: artifact: sha256 is missing"),
        (f"model: a@1\nartifact: {{location: x, size: -1, sha256: {'a' * 64}}}", "f.yaml:2: size: a size is"),
        ("model: a@1\nartifact: {location: x, size: 1, sha256: abc}", "f.yaml:2: sha256: a sha256 is 64"),
        ("route: [", "f.yaml:1: not YAML as policies are written: "),
        ("route: w\n\tsla: 5ms", "f.yaml:2: not YAML as policies are written: "),
        ('"a', "f.yaml:1: not YAML"),
        ("a: &a b\nc: *a", "f.yaml:2: not YAML as policies are written: an alias"),
        (
            "route: w\n!!python/object/apply:os.system [x]: 1",
            "f.yaml:2: not YAML as policies are written: the tag",
        ),
        ("route: !!float x", "the tag tag:yaml.org,2002:float"),
        ("[" * 5000, "more than 24 levels deep"),
        ("route: w\nsla: \x00", "f.yaml:2: the character U+0000 is not allowed"),
        ("#" * (MAX_CHARACTERS + 1), f"f.yaml:1: {MAX_CHARACTERS + 1} characters: a file may have"),
        ("? [a]\n: b", "f.yaml:1: a key of the document: expected text, got a list"),
        ("<<: {a: 1}", "its first key is '<<'"),
    ],
)
def test_a_text_that_is_wrong_is_refused_with_the_line_and_what_to_do(text: str, problem: str) -> None:
    with pytest.raises(BadPolicyError) as refusal:
        parse_documents(text, "f.yaml")

    assert problem in str(refusal.value)
    assert str(refusal.value).startswith("f.yaml:")


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "---\n...\n---\n"])
def test_a_text_without_documents_has_none(text: str) -> None:
    assert parse_documents(text, "f.yaml") == []
