"""Extractors against any steps and any fields: features or a Problem, nothing else, and no surprise."""

import math

from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.errors import BadExtractorError, BadValueError
from rendezvous_contracts.extraction import Problem, compile_extractor
from rendezvous_contracts.values import Plain, to_fields
from scoring.v1.control_pb2 import Cast, Compute, Extractor, FieldType, OneHot, Rename, Scale, Select, Step
from scoring.v1.value_pb2 import Tensor

NAMES = st.sampled_from(["a", "b", "c", "c_red", ""])
TEXTS = st.sampled_from(["red", "1", "1.5", "true", "nan", "x"])
EXPRESSIONS = st.sampled_from(
    ["a + b", "a / b", "a ** b", "log(a)", "exp(a * 99)", "min(a, b)", "1", "(", "'c_red'"]
)
STEPS = st.one_of(
    st.lists(NAMES, max_size=3).map(lambda fields: Step(select=Select(fields=fields))),
    st.dictionaries(NAMES, NAMES, max_size=3).map(lambda names: Step(rename=Rename(names=names))),
    st.dictionaries(NAMES, st.sampled_from(FieldType.values()), max_size=2).map(
        lambda types: Step(cast=Cast(types=types))
    ),
    st.builds(
        lambda f, o, d: Step(scale=Scale(field=f, offset=o, factor=d)), NAMES, st.floats(), st.floats()
    ),
    st.builds(lambda f, c: Step(one_hot=OneHot(field=f, categories=c)), NAMES, st.lists(TEXTS, max_size=3)),
    st.builds(lambda f, e: Step(compute=Compute(field=f, expression=e)), NAMES, EXPRESSIONS),
    st.just(Step()),
)
VALUES: st.SearchStrategy[Plain] = st.one_of(
    st.floats(),
    st.integers(-(2**63), 2**63 - 1),
    st.booleans(),
    TEXTS,
    st.binary(max_size=3),
    st.none(),
    st.just(Tensor(shape=[1], numbers=[1.0])),
)


@given(steps=st.lists(STEPS, max_size=5), fields=st.dictionaries(NAMES, VALUES, max_size=5))
def test_any_steps_on_any_fields_give_features_or_a_problem(
    steps: list[Step], fields: dict[str, Plain]
) -> None:
    try:
        extraction = compile_extractor(Extractor(steps=steps))
    except BadExtractorError:
        return
    before = list(fields.items())

    found = extraction.extract(fields)

    assert list(fields.items()) == before
    if isinstance(found, Problem):
        assert 1 <= found.step <= len(steps)
        assert found.kind == steps[found.step - 1].WhichOneof("kind")
    else:
        _check_features(found, fields)


def _check_features(found: dict[str, Plain], fields: dict[str, Plain]) -> None:
    """Whatever the steps made themselves is finite and can travel."""
    made = {
        name: value
        for name, value in found.items()
        if not any(value is given_value for given_value in fields.values())
    }
    try:
        to_fields(made)
    except BadValueError as error:
        raise AssertionError(made) from error
    assert all(math.isfinite(value) for value in made.values() if isinstance(value, float))


@given(data=st.dictionaries(st.text(min_size=1), VALUES, max_size=8))
def test_a_pass_through_changes_nothing(data: dict[str, Plain]) -> None:
    assert compile_extractor(Extractor()).extract(data) == data


@given(
    value=st.floats(-1e9, 1e9),
    offset=st.floats(-1e9, 1e9),
    factor=st.floats(1e-6, 1e9) | st.floats(-1e9, -1e-6),
)
def test_scale_is_shift_then_division(value: float, offset: float, factor: float) -> None:
    step = Step(scale=Scale(field="x", offset=offset, factor=factor))

    assert compile_extractor(Extractor(steps=[step])).extract({"x": value}) == {
        "x": (value - offset) / factor
    }


@given(names=st.permutations(["a", "b", "c"]))
def test_a_permutation_of_names_loses_no_value(names: list[str]) -> None:
    step = Step(rename=Rename(names=dict(zip("abc", names, strict=True))))

    found = compile_extractor(Extractor(steps=[step])).extract({"a": 1.0, "b": 2.0, "c": 3.0})

    assert found == dict(zip(names, [1.0, 2.0, 3.0], strict=True))
