import pytest
from rendezvous_cli import changes
from rendezvous_cli.errors import CliError, UsageError
from rendezvous_contracts.errors import BadNameError, BadShareError
from rendezvous_control.state import State
from scoring.v1.control_pb2 import AbortRollout, RampRoute, RollbackRoute, Share, StepRollout, StepVerdict

from tests.unit.cli.logs import ramp, wine_log


def ramped() -> State:
    return wine_log().ask(ramp(("a@1", 9_000), ("b@1", 1_000))).state


def test_undo_goes_to_the_revision_before_or_to_the_one_named() -> None:
    assert changes.undo(ramped(), "wine", 0) == (RollbackRoute(name="wine", to_revision=1), 2)
    assert changes.undo(ramped(), "wine", 2) == (RollbackRoute(name="wine", to_revision=2), 2)


def test_there_is_nothing_to_undo_in_a_first_revision() -> None:
    with pytest.raises(CliError, match="one revision only"):
        changes.undo(wine_log().state, "wine", 0)


def whole(model: str) -> RampRoute:
    return ramp((model, 10_000))


def test_promote_gives_all_to_the_last_of_the_ramp_or_to_the_one_named() -> None:
    assert changes.promote(ramped(), "wine", "") == (whole("b@1"), 2)
    assert changes.promote(ramped(), "wine", "a@1") == (whole("a@1"), 2)
    assert changes.promote(wine_log().state, "wine", "b@1") == (whole("b@1"), 1)


def test_without_a_ramp_promote_has_to_be_told_the_model() -> None:
    with pytest.raises(CliError, match="is no ramp: name the model with --to"):
        changes.promote(wine_log().state, "wine", "")


def test_a_roll_out_is_described_by_its_options() -> None:
    plan = changes.read_plan("wine", "b@1", "1%, 50%,100%", 300_000_000, ["p99_ms<20"])

    assert list(plan.steps) == [100, 5_000, 10_000]
    assert (plan.route, plan.to, plan.every_us, plan.gates[0].below) == ("wine", "b@1", 300_000_000, 20)
    assert changes.rollout(wine_log().state, plan) == (plan, 1)


def test_promote_lets_the_step_of_a_roll_out_pass() -> None:
    plan = changes.read_plan("wine", "b@1", "1%,100%", 1, [])
    state = wine_log().ask(plan).state

    change, expected = changes.promote(state, "wine", "")

    assert isinstance(change, StepRollout)
    assert (change.step, change.verdict, expected) == (0, StepVerdict.STEP_VERDICT_PASS, 2)
    assert changes.abort(state, "wine") == (AbortRollout(route="wine"), 2)


def test_a_ramp_is_written_as_shares() -> None:
    change, expected = changes.ramp(ramped(), "wine", ["a@1=99.5%", "b@1=0.5%"], 1)

    shares = [Share(model="a@1", share=9_950), Share(model="b@1", share=50)]
    assert (change, expected) == (RampRoute(name="wine", tier=1, shares=shares), 2)


@pytest.mark.parametrize(
    ("text", "error"), [("a@1", UsageError), ("a@1=10", BadShareError), ("a=10%", BadNameError)]
)
def test_a_share_that_is_wrong_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        changes.ramp(ramped(), "wine", [text], 1)


def test_a_route_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(CliError, match="there is no route wien; there are: beer, wine"):
        changes.undo(wine_log(("wine", "beer")).state, "wien", 1)
    with pytest.raises(CliError, match="there are: none at all"):
        changes.promote(State(), "wine", "a@1")


def test_models_are_named_with_their_version() -> None:
    for change in (changes.approve, changes.remove):
        with pytest.raises(BadNameError):
            change("a")
