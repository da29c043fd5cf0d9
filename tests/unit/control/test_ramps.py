from collections.abc import Sequence

import pytest
from rendezvous_control.state import State
from scoring.v1.control_pb2 import (
    Combination,
    Combined,
    PauseRoute,
    RampRoute,
    RemoveModel,
    ResumeRoute,
    RollbackRoute,
    Route,
    SetRoute,
    Share,
    Tier,
    UpdateModel,
    Weighted,
)

from tests.support.control import control, model, route
from tests.support.folding import after, folded, refusal

A, B = "a@1", "b@1"


def with_route() -> State:
    return folded(
        control("a", model("a", quality=0.1)),
        control("b", model("b", quality=0.2)),
        control("r", route(A, B)),
    )


def ramp(*shares: tuple[str, int], tier: int = 0) -> RampRoute:
    return RampRoute(
        name="wine", tier=tier, shares=[Share(model=name, share=share) for name, share in shares]
    )


def test_a_ramp_is_a_new_revision_in_which_a_tier_is_divided() -> None:
    state = after(with_route(), ramp((A, 9_000), (B, 1_000)))

    current = state.routes["wine"].current
    assert current.number == 2
    assert [(share.model, share.share) for share in current.route.schedule[0].weighted.shares] == [
        (A, 9_000),
        (B, 1_000),
    ]
    assert current.route.schedule[1].model == B
    assert state.routes["wine"].revisions[0].route == route(A, B)


def test_a_ramp_of_all_to_one_model_names_it() -> None:
    state = after(with_route(), ramp((A, 9_000), (B, 1_000)))

    state = after(state, ramp((A, 10_000)))

    assert state.routes["wine"].current.route == route(A, B)
    assert refusal(state, ramp((A, 10_000))).unchanged


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (ramp(), "the shares make 0%"),
        (ramp((A, 9_000)), "the ramp: the shares make 90%: they have to make 100%"),
        (ramp((A, 9_000), (B, 1_001)), "the shares make 100.01%"),
        (ramp((A, 5_000), (A, 5_000)), "a@1 is there 2 times"),
        (ramp(("nobody@1", 10_000)), "nobody@1 is not registered"),
        (ramp((A, 10_000), tier=3), "route wine has 2 tiers, and no tier 3"),
        (RampRoute(name="wien"), "route 'wien' is not known"),
    ],
)
def test_a_ramp_that_is_wrong_is_refused(change: RampRoute, reason: str) -> None:
    assert reason in refusal(with_route(), change).reason


def test_a_ramp_expects_a_revision_as_a_set_does() -> None:
    assert "at revision 1, not 2" in refusal(with_route(), ramp((B, 10_000)), expected=2).reason


def test_a_paused_route_can_be_rolled_back_and_not_be_changed_until_it_is_resumed() -> None:
    state = after(with_route(), ramp((A, 9_000), (B, 1_000)))
    state = after(state, PauseRoute(name="wine"), author="bob")
    why = "route wine was paused by bob (a test): resume it first, or roll back"

    assert refusal(state, ramp((A, 5_000), (B, 5_000))).reason == why
    assert refusal(state, SetRoute(route=route(A))).reason == why
    assert refusal(state, PauseRoute(name="wine")).unchanged

    state = after(state, RollbackRoute(name="wine", to_revision=1))
    assert state.routes["wine"].current.number == 3
    assert state.routes["wine"].paused is not None

    state = after(state, ResumeRoute(name="wine"))
    assert refusal(state, ResumeRoute(name="wine")).unchanged
    assert after(state, ramp((A, 5_000), (B, 5_000))).routes["wine"].current.number == 4


def test_the_last_tier_of_a_route_stays() -> None:
    state = with_route()

    assert "the last tier of route wine would go" in refusal(state, SetRoute(route=route())).reason


def test_a_rollback_to_a_time_without_tiers_is_refused() -> None:
    state = folded(control("a", model("a")), control("r", route()), control("s", route(A)))

    assert "the last tier" in refusal(state, RollbackRoute(name="wine", to_revision=1)).reason


def test_a_model_that_a_share_or_a_combination_names_cannot_be_removed() -> None:
    ramped = after(with_route(), ramp((A, 10_000 - 1), (B, 1)))
    combined = after(with_route(), SetRoute(route=using(Tier(combined=median(A, B)))))

    for state in (ramped, combined):
        assert "is used by route wine" in refusal(state, RemoveModel(name="b", version="1")).reason


def using(*tiers: Tier) -> Route:
    used = route()
    used.schedule.extend(tiers)
    return used


def median(*models: str, at_least: int = 1) -> Combined:
    return Combined(combination=Combination.COMBINATION_MEDIAN, models=models, at_least=at_least)


def vote(field: str, models: Sequence[str] = (A, B)) -> Combined:
    return Combined(combination=Combination.COMBINATION_MAJORITY, models=models, at_least=1, field=field)


@pytest.mark.parametrize(
    ("tier", "reason"),
    [
        (Tier(weighted=Weighted()), "tier 1: the shares make 0%"),
        (Tier(best_quality=True), "uses best-quality, but there is nothing to choose from"),
        (Tier(best_quality=False), "tier 1 uses nothing"),
        (Tier(combined=Combined()), "combines in a way that this version does not know"),
        (Tier(combined=median()), "median of at least 1 of 0 models"),
        (Tier(combined=median(A, at_least=2)), "median of at least 2 of 1 models"),
        (Tier(combined=median(A, at_least=0)), "median of at least 0 of 1 models"),
        (Tier(combined=median(A, A)), "a@1 is there 2 times"),
        (Tier(combined=median("c@1")), "c@1 is not registered"),
        (Tier(combined=vote("")), "the field of tier 1's majority is ''"),
    ],
)
def test_a_tier_that_is_wrong_is_refused(tier: Tier, reason: str) -> None:
    assert reason in refusal(with_route(), SetRoute(route=using(tier))).reason


def test_only_a_majority_is_about_one_field() -> None:
    combined = median(A)
    combined.field = "quality"

    assert (
        "leave 'quality' out" in refusal(with_route(), SetRoute(route=using(Tier(combined=combined)))).reason
    )


def test_a_key_has_to_be_a_declared_input() -> None:
    keyed = route(A)
    keyed.key = "customer"
    assert (
        "the key 'customer' is none of the route's inputs"
        in refusal(with_route(), SetRoute(route=keyed)).reason
    )

    keyed.inputs.add(name="customer")
    assert after(with_route(), SetRoute(route=keyed)).routes["wine"].current.route.key == "customer"


def test_a_revision_keeps_the_qualities_of_its_time() -> None:
    state = after(with_route(), UpdateModel(model=model("a", quality=0.9)))

    assert state.routes["wine"].current.qualities == {A: 0.1, B: 0.2}
    state = after(state, SetRoute(route=route(B, A)))
    assert state.routes["wine"].current.qualities == {A: 0.9, B: 0.2}
