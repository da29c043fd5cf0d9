"""What the web server shows of the control state."""

import json

from rendezvous_contracts.gates import parse_gate
from rendezvous_control.state import State
from rendezvous_runtime.shell.state_json import (
    approvals_json,
    deployments_json,
    model_json,
    of_data_type,
    rollouts_json,
    route_json,
    schedules_json,
)
from scoring.v1.control_pb2 import (
    AddModel,
    ApproveModel,
    Deploy,
    Deployment,
    PauseRoute,
    SetRoute,
    StartRollout,
    StepRollout,
    StepVerdict,
    Undeploy,
)
from scoring.v1.status_pb2 import DeploymentStatus, RolloutStatus, ScheduleStatus, Status, TierStatus

from tests.support.control import control, model, route
from tests.support.folding import after, folded


def wine_state() -> State:
    return folded(
        control("c1", model(data=b"<PMML>very long</PMML>")),
        control("c2", route("wine-forest@1")),
        control("c3", route("wine-forest@1", sla_us=70_000)),
    )


def test_a_route_is_shown_in_its_newest_revision() -> None:
    shown = route_json(wine_state().routes["wine"])
    assert (shown["revision"], shown["revisions"]) == (2, 2)
    assert shown["route"]["sla_us"] == 70_000
    assert shown["stamp"] == {
        "offset": 2,
        "control_id": "c3",
        "author": "ada",
        "at_us": 1,
        "reason": "a test",
    }
    json.dumps(shown)


def test_a_model_is_shown_without_its_bytes() -> None:
    state = wine_state()
    shown = model_json(state.models["wine-forest@1"])
    assert shown["model"]["artifact"]["size"] == "22"
    assert "data" not in shown["model"]["artifact"]
    assert state.models["wine-forest@1"].model.artifact.data == b"<PMML>very long</PMML>"
    assert shown["removed"] is None
    json.dumps(shown)


def test_a_route_shows_who_holds_it() -> None:
    state = after(wine_state(), PauseRoute(name="wine"), author="bob")

    assert route_json(state.routes["wine"])["paused"]["author"] == "bob"
    assert route_json(wine_state().routes["wine"])["paused"] is None


def test_models_are_shown_by_their_data_type() -> None:
    red = model("red")
    red.data_type = "red-wine"
    state = after(wine_state(), AddModel(model=red))

    assert [name for name, _ in of_data_type(state.models, "red-wine")] == ["red@1"]
    assert [name for name, _ in of_data_type(state.models, None)] == ["red@1", "wine-forest@1"]
    assert of_data_type(state.models, "white-wine") == []


def test_an_approval_is_shown_with_who_gave_it_and_what_waits_for_one() -> None:
    asking = route("wine-forest@1")
    asking.requires_approval = True
    state = after(wine_state(), SetRoute(route=asking))
    before = approvals_json(state)
    state = after(state, ApproveModel(name="wine-forest", version="1"), author="bob")
    shown = approvals_json(state)

    assert before["routes_that_ask"] == {"wine": {"unapproved": ["wine-forest@1"]}}
    assert before["models"]["wine-forest@1"]["approved"] is False
    assert shown["routes_that_ask"] == {"wine": {"unapproved": []}}
    (approval,) = shown["models"]["wine-forest@1"]["approvals"]
    assert (approval["author"], shown["models"]["wine-forest@1"]["writers"]) == ("bob", ["ada"])
    json.dumps(shown)


def test_a_deployment_is_shown_until_it_is_removed_with_what_the_operator_says_of_it() -> None:
    wanted = Deployment(name="forest", model="wine-forest@1", replicas=2)
    state = after(wine_state(), Deploy(deployment=wanted))
    said = Status(deployments=[DeploymentStatus(deployment="forest", generation=1, ready=1)])
    shown = deployments_json(state, said)

    assert shown["forest"]["deployment"]["replicas"] == 2
    assert (shown["forest"]["generation"], shown["forest"]["here"]["ready"]) == (1, 1)
    assert deployments_json(state, Status())["forest"]["here"] is None
    assert deployments_json(after(state, Undeploy(name="forest")), said) == {}
    json.dumps(shown)


def test_a_roll_out_is_shown_with_its_course_and_what_the_operator_says_of_its_step() -> None:
    state = after(wine_state(), AddModel(model=model("new")))
    assert rollouts_json(state, Status()) == {}
    plan = StartRollout(
        route="wine", to="new@1", steps=[100, 10_000], every_us=1, gates=[parse_gate("p99_ms<20")]
    )
    state = after(state, plan)
    began = state.next_offset - 1
    said = Status(rollouts=[RolloutStatus(route="wine", began_offset=began, requests=7)])
    shown = rollouts_json(state, said)["wine"]

    assert (shown["to"], shown["outcome"], shown["share"]) == ("new@1", "running", "shadow")
    assert (shown["steps"], shown["gates"]) == (["1%", "100%"], ["p99_ms<20"])
    assert shown["here"]["requests"] == "7"
    # What was said of a step that is over is not said of the next.
    step = StepRollout(route="wine", step=0, verdict=StepVerdict.STEP_VERDICT_PASS, detail="good")
    later = rollouts_json(after(state, step), said)["wine"]
    assert (later["share"], later["detail"], later["here"]) == ("1%", "good", None)
    json.dumps(later)


def test_a_schedule_is_shown_with_its_rules_and_what_they_did_here() -> None:
    tiers = [
        TierStatus(
            tier=1, rule="use wine-forest@1", since_us=5, count=3, duration_us=60, min_us=9, max_us=30
        ),
        TierStatus(tier=0, rule="default", since_us=2, count=1, duration_us=70, min_us=70, max_us=70),
    ]
    status = Status(schedules=[ScheduleStatus(route="wine", tiers=tiers)])
    shown = schedules_json(wine_state(), status)["wine"]

    assert (shown["decider"], shown["timeout_us"]) == (["use wine-forest@1"], 70_000)
    here = shown["here"]
    assert (here["usage"], here["duration_us"], here["min_us"], here["max_us"]) == (4, 130, 9, 70)
    assert here["since_us"] == 2
    assert [tier["rule"] for tier in here["tiers"]] == ["use wine-forest@1", "default"]
    assert schedules_json(wine_state(), Status())["wine"]["here"] is None
    json.dumps(shown)
