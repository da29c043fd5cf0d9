import pytest
from rendezvous_control.state import State
from scoring.v1.control_pb2 import (
    AddModel,
    ApproveModel,
    RampRoute,
    RemoveModel,
    RollbackRoute,
    Route,
    SetRoute,
    Share,
    UpdateModel,
)

from tests.support.control import model, route
from tests.support.folding import after, refusal

ASKS = "route wine asks for approval and b@1 has none: somebody who did not write the model has to approve it"


def guarded(*models: str, **rest: object) -> Route:
    used = route(*models, **rest)  # type: ignore[arg-type]  # what a route takes
    used.requires_approval = True
    return used


def approve(name: str) -> ApproveModel:
    return ApproveModel(name=name, version="1")


@pytest.fixture
def state() -> State:
    """Ada wrote a and b, Bob approved a, and wine asks for approval."""
    state = after(State(), AddModel(model=model("a")))
    state = after(state, AddModel(model=model("b")))
    state = after(state, approve("a"), author="bob")
    return after(state, SetRoute(route=guarded("a@1")))


def test_a_new_champion_waits_for_a_second_author(state: State) -> None:
    change = SetRoute(route=guarded("b@1"))
    assert ASKS in refusal(state, change).reason

    state = after(state, approve("b"), author="bob")

    assert after(state, change).routes["wine"].current.number == 2


def test_a_share_of_the_first_tier_makes_a_champion(state: State) -> None:
    ramp = RampRoute(name="wine", shares=[Share(model="a@1", share=9_999), Share(model="b@1", share=1)])

    assert ASKS in refusal(state, ramp).reason


def test_a_share_of_nothing_makes_no_champion(state: State) -> None:
    ramp = RampRoute(name="wine", shares=[Share(model="a@1", share=10_000), Share(model="b@1", share=0)])

    assert after(state, ramp).routes["wine"].current.number == 2


def test_a_fallback_needs_no_approval_and_any_as_the_first_tier_does(state: State) -> None:
    assert after(state, SetRoute(route=guarded("a@1", "b@1"))).routes["wine"].current.number == 2

    first = guarded()
    first.schedule.add(any=True)
    first.models.extend(["a@1", "b@1"])
    assert ASKS in refusal(state, SetRoute(route=first)).reason


def test_a_revision_that_lifts_the_protection_is_still_under_it(state: State) -> None:
    assert ASKS in refusal(state, SetRoute(route=route("b@1"))).reason


def test_a_rollback_to_an_unapproved_champion_is_refused() -> None:
    state = after(State(), AddModel(model=model("a")))
    state = after(state, AddModel(model=model("b")))
    state = after(state, SetRoute(route=route("b@1")))
    state = after(state, SetRoute(route=route("a@1")))
    state = after(state, SetRoute(route=guarded("a@1")))

    assert ASKS in refusal(state, RollbackRoute(name="wine", to_revision=1)).reason


def test_a_champion_of_before_stays_when_approval_is_asked_for() -> None:
    state = after(State(), AddModel(model=model("b")))
    state = after(state, SetRoute(route=route("b@1")))

    assert after(state, SetRoute(route=guarded("b@1"))).routes["wine"].current.number == 2


@pytest.mark.parametrize("author", ["ada", "grace"])
def test_who_wrote_a_model_cannot_approve_it(author: str) -> None:
    written = model("a")
    written.author = "grace"
    state = after(State(), AddModel(model=written))

    assert refusal(state, approve("a"), author=author).reason == (
        f"{author} wrote model a@1: somebody else has to approve it"
    )


def test_an_update_takes_the_approval_away_and_makes_a_writer(state: State) -> None:
    state = after(state, UpdateModel(model=model("a", quality=0.9)), author="bob")

    assert not state.models["a@1"].approved
    for writer in ("ada", "bob"):
        assert "somebody else has to approve it" in refusal(state, approve("a"), author=writer).reason
    assert after(state, approve("a"), author="grace").models["a@1"].approved


def test_coming_back_takes_the_approval_away_and_keeps_the_writers(state: State) -> None:
    state = after(state, approve("b"), author="bob")
    state = after(state, RemoveModel(name="b", version="1"))
    state = after(state, AddModel(model=model("b")), author="bob")

    assert not state.models["b@1"].approved
    assert state.models["b@1"].writers == {"ada", "bob"}


def test_a_second_approval_by_the_same_author_changes_nothing(state: State) -> None:
    assert refusal(state, approve("a"), author="bob").unchanged
    assert len(after(state, approve("a"), author="grace").models["a@1"].approvals) == 2


def test_only_a_registered_model_can_be_approved(state: State) -> None:
    assert "nobody@1 is not registered" in refusal(state, approve("nobody")).reason
