"""Whatever has come, a selector answers with what has come, and what is hopeless stays so."""

from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_contracts.routes import choosable_models
from rendezvous_contracts.values import to_fields
from rendezvous_engine.compiling import compile_selector
from scoring.v1.control_pb2 import Combination, Combined, Route, Share, Tier, Weighted
from scoring.v1.input_pb2 import InputHead
from scoring.v1.value_pb2 import Fields

MODELS = ("a@1", "b@1", "c@1")
OUTPUTS = st.one_of(
    st.binary(min_size=1, max_size=6),
    st.dictionaries(
        st.sampled_from(["x", "y"]),
        st.one_of(
            st.floats(allow_nan=False, allow_infinity=False), st.integers(-5, 5), st.sampled_from(["r", True])
        ),
        min_size=1,
    ).map(lambda values: to_fields(values).SerializeToString()),
)


@st.composite
def shares(draw: st.DrawFn) -> list[Share]:
    cuts = sorted(draw(st.lists(st.integers(0, 10_000), min_size=2, max_size=2)))
    sizes = [cuts[0], cuts[1] - cuts[0], 10_000 - cuts[1]]
    return [Share(model=model, share=size) for model, size in zip(MODELS, sizes, strict=True)]


TIERS = st.one_of(
    st.sampled_from([Tier(any=True), Tier(best_quality=True), *(Tier(model=model) for model in MODELS)]),
    shares().map(lambda divided: Tier(weighted=Weighted(shares=divided))),
    st.builds(
        lambda kind, at_least: Tier(
            combined=Combined(combination=kind, models=MODELS, at_least=at_least, field="x")
        ),
        st.sampled_from(
            [Combination.COMBINATION_MAJORITY, Combination.COMBINATION_MEDIAN, Combination.COMBINATION_MEAN]
        ),
        st.integers(1, 3),
    ),
)


@dataclass
class Box:
    usable: dict[str, bytes]
    failed: frozenset[str]
    head: InputHead
    id: bytes = b"q"


@settings(deadline=None)
@given(
    TIERS,
    st.dictionaries(st.sampled_from(MODELS), OUTPUTS | st.none()),
    st.permutations(MODELS),
    st.text(max_size=3),
)
def test_scores_in_any_order_make_an_answer_or_hopelessness(
    tier: Tier, come: dict[str, bytes | None], order: list[str], key: str
) -> None:
    route = Route(name="wine", schedule=[tier], models=MODELS)
    selector = compile_selector(route, 1, 1, {})
    box = Box({}, frozenset(), InputHead(key=key))
    was_hopeless = False
    for model in (each for each in order if each in come):
        outputs = come[model]
        if outputs is None:
            box.failed |= {model}
        else:
            box.usable[model] = outputs
        choice = selector.choose(box)
        if choice is None:
            was_hopeless = selector.hopeless(box) or was_hopeless
            continue
        assert not was_hopeless, "somebody would not have waited for this"
        verdict, answered, reason = choice
        assert not reason
        if verdict.model:
            assert verdict.model in choosable_models(route, tier)
            assert answered == box.usable[verdict.model]
        else:
            assert Fields.FromString(answered).values
        assert selector.choose(box) == choice
    if set(come) == set(MODELS) and selector.choose(box) is None:
        assert selector.hopeless(box), "all have come: nobody else can help"
