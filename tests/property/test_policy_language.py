"""Whatever a route says can be written as text and read back; whatever a text says, reading it is safe."""

import json
from base64 import b64encode
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rendezvous_contracts.errors import BadPolicyError
from rendezvous_contracts.policy import (
    DeploymentDocument,
    ModelDocument,
    RouteDocument,
    deployment_to_document,
    model_to_document,
    parse_documents,
    route_to_document,
    write_documents,
)
from rendezvous_contracts.policy_schema import POLICY_SCHEMA
from rendezvous_contracts.routes import COMBINATIONS
from rendezvous_contracts.values import to_fields
from scoring.v1.control_pb2 import (
    Artifact,
    Combination,
    Combined,
    Compute,
    Deployment,
    Extractor,
    Field,
    FieldType,
    Golden,
    Model,
    OneHot,
    Rename,
    Route,
    Scale,
    Select,
    Share,
    Step,
    Tier,
    Weighted,
)
from scoring.v1.value_pb2 import Tensor

SCHEMA = Draft202012Validator(POLICY_SCHEMA)
TRICKY = st.sampled_from(
    ["no", "1e3", "~", "12:30", "0x1f", "- a", "a: b", "#", "é\n\tü", "\x85", "'", '"', "=", "<<", "."]
)
TEXTS = st.one_of(st.text(min_size=1, max_size=12), TRICKY)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
MODEL_IDS = st.builds(
    "{}@{}".format,
    st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
    st.from_regex(r"[A-Za-z0-9._]{1,5}", fullmatch=True),
).filter(lambda text: text.partition("@")[2][0].isalnum())
DURATIONS = st.integers(0, 2**32 - 1)
VALUES = st.one_of(
    NUMBERS,
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    TEXTS,
    st.just(""),
    st.binary(max_size=8),
    st.builds(lambda numbers: Tensor(shape=[len(numbers)], numbers=numbers), st.lists(NUMBERS, max_size=3)),
)
FIELDS = st.builds(
    Field,
    name=TEXTS,
    type=st.sampled_from(sorted(FieldType.values())),
    optional=st.booleans(),
    minimum=st.none() | NUMBERS,
    maximum=st.none() | NUMBERS,
    categories=st.lists(TEXTS, max_size=3),
)
FIELD_LISTS = st.lists(FIELDS, max_size=4, unique_by=lambda field: field.name)


@st.composite
def divided(draw: st.DrawFn) -> Weighted:
    models = draw(st.lists(MODEL_IDS, min_size=1, max_size=3, unique=True))
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), min_size=len(models) - 1, max_size=len(models) - 1)))
    sizes = (high - low for low, high in pairwise([0, *cuts, 10_000]))
    return Weighted(
        shares=[Share(model=model, share=size) for model, size in zip(models, sizes, strict=True)]
    )


@st.composite
def combinations(draw: st.DrawFn) -> Combined:
    models = draw(st.lists(MODEL_IDS, min_size=1, max_size=3))
    combined = Combined(
        combination=draw(st.sampled_from(list(COMBINATIONS.values()))),
        models=models,
        at_least=draw(st.integers(1, len(models))),
    )
    if combined.combination == Combination.COMBINATION_MAJORITY:
        combined.field = draw(TEXTS)
    return combined


TIERS = st.one_of(
    st.builds(Tier, after_us=DURATIONS, model=MODEL_IDS),
    st.builds(Tier, after_us=DURATIONS, any=st.just(value=True)),
    st.builds(Tier, after_us=DURATIONS, best_quality=st.just(value=True)),
    st.builds(Tier, after_us=DURATIONS, weighted=divided()),
    st.builds(Tier, after_us=DURATIONS, combined=combinations()),
)
STEPS = st.one_of(
    st.lists(TEXTS, min_size=1, max_size=3, unique=True).map(lambda names: Step(select=Select(fields=names))),
    st.just(Step(rename=Rename(names={"a": "no"}))),
    st.builds(
        lambda offset, factor: Step(scale=Scale(field="a", offset=offset, factor=factor)),
        NUMBERS,
        NUMBERS.filter(bool),
    ),
    st.just(Step(one_hot=OneHot(field="b", categories=["1", "2"]))),
    st.just(Step(compute=Compute(field="c", expression="a * 2"))),
)
ROUTES = st.builds(
    Route,
    name=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
    sla_us=DURATIONS,
    schedule=st.lists(TIERS, max_size=4),
    default=st.dictionaries(TEXTS, VALUES, max_size=4).map(to_fields),
    canary=st.just("") | MODEL_IDS,
    models=st.lists(MODEL_IDS, max_size=3),
    shadows=st.lists(MODEL_IDS, max_size=3),
    extractor=st.builds(
        Extractor, name=st.just("") | TEXTS.filter(str.isprintable), steps=st.lists(STEPS, max_size=1)
    ),
    late_us=DURATIONS,
    inputs=FIELD_LISTS,
    description=st.just("") | TEXTS,
    key=st.just("") | TEXTS,
    requires_approval=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROUTES, min_size=1, max_size=2))
def test_routes_survive_writing_and_reading(routes: list[Route]) -> None:
    # A default is not left out by the reader, so an empty one has no text.
    whole = [route for route in routes if route.default.values]

    documents = parse_documents(write_documents(map(route_to_document, whole)), "written")

    assert [document.route for document in documents if isinstance(document, RouteDocument)] == whole
    for route in whole:
        assert_fits_the_schema(route_to_document(route))


def assert_fits_the_schema(document: dict[str, object]) -> None:
    # As an editor sees it: bytes are base 64.
    SCHEMA.validate(json.loads(json.dumps(document, default=lambda raw: b64encode(raw).decode())))


def assert_read_or_refused(text: str) -> None:
    try:
        parse_documents(text, "any.yaml")
    except BadPolicyError:
        with pytest.raises(BadPolicyError, match=r"\Aany\.yaml:[0-9]+: "):
            parse_documents(text, "any.yaml")


MODELS = st.builds(
    Model,
    name=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True),
    version=st.from_regex(r"[0-9]{1,3}", fullmatch=True),
    type=st.just("pmml"),
    description=st.just("") | TEXTS,
    data_type=st.just("") | TEXTS,
    author=st.just("") | TEXTS,
    quality=NUMBERS.map(lambda number: number + 0.0),  # -0 is 0, and 0 is left unsaid
    inputs=FIELD_LISTS,
    outputs=FIELD_LISTS,
    options=st.dictionaries(TEXTS, TEXTS, max_size=3),
    golden=st.lists(
        st.builds(
            lambda inputs, outputs: Golden(inputs=to_fields(inputs), outputs=to_fields(outputs)),
            st.dictionaries(TEXTS, VALUES, max_size=3),
            st.dictionaries(TEXTS, VALUES, min_size=1, max_size=3),
        ),
        max_size=2,
    ),
    golden_tolerance=st.none() | st.floats(0, 1, exclude_max=True),
    artifact=st.builds(
        Artifact, location=TEXTS, sha256=st.binary(min_size=32, max_size=32), size=st.integers(1, 2**63)
    ),
)


@settings(max_examples=60, deadline=None)
@given(MODELS)
def test_models_survive_writing_and_reading(model: Model) -> None:
    (document,) = parse_documents(write_documents([model_to_document(model)]), "written")

    assert document == ModelDocument("written", 1, model, None)
    assert_fits_the_schema(model_to_document(model))


DNS_NAMES = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
OPTIONS = st.dictionaries(TEXTS, TEXTS, max_size=3)
REPLICAS = st.integers(0, 1_000)
DEPLOYMENTS = st.one_of(
    st.builds(Deployment, name=DNS_NAMES, model=MODEL_IDS, replicas=REPLICAS, options=OPTIONS),
    st.builds(Deployment, name=DNS_NAMES, versions_of=DNS_NAMES, image=TEXTS),
    st.builds(Deployment, name=DNS_NAMES, route=DNS_NAMES, replicas=REPLICAS),
)


@settings(max_examples=60, deadline=None)
@given(DEPLOYMENTS)
def test_deployments_survive_writing_and_reading(deployment: Deployment) -> None:
    (document,) = parse_documents(write_documents([deployment_to_document(deployment)]), "written")

    assert document == DeploymentDocument("written", 1, deployment)
    assert_fits_the_schema(deployment_to_document(deployment))


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=200)
    | st.lists(st.sampled_from("route: w\nsla:5ms[]{}&*!|>-?'\"#, "), max_size=60).map("".join)
)
def test_any_text_is_read_or_refused_with_its_place(text: str) -> None:
    assert_read_or_refused(text)


@settings(max_examples=60, deadline=None)
@given(ROUTES, st.data())
def test_a_damaged_document_is_read_or_refused_with_its_place(route: Route, data: st.DataObject) -> None:
    text = write_documents([route_to_document(route)])
    place = data.draw(st.integers(0, len(text) - 1))

    damaged = (
        text[:place]
        + data.draw(st.sampled_from(["", "[", "]", ": ", "\n", "!!x ", "'", "\x00"]))
        + text[place + 1 :]
    )

    assert_read_or_refused(damaged)
