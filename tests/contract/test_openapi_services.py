"""Every path that a service serves is described, and what every service shows fits its description."""

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError
from prometheus_client import CollectorRegistry
from rendezvous_canary.app import create_app as create_canary
from rendezvous_canary.settings import CanarySettings
from rendezvous_operator.app import create_app as create_operator
from rendezvous_operator.settings import OperatorSettings
from rendezvous_runtime.shell import ServiceApp
from rendezvous_runtime.shell.state_json import (
    approvals_json,
    deployments_json,
    model_json,
    rollouts_json,
    routes_json,
    schedules_json,
)
from scoring.v1.control_pb2 import (
    ApproveModel,
    Deploy,
    Deployment,
    PauseRoute,
    StartRollout,
)
from scoring.v1.status_pb2 import DeploymentStatus, RolloutStatus, ScheduleStatus, Status, TierStatus

from tests.support.control import asked, control, model, route
from tests.support.folding import folded
from tests.support.openapi import check_answer, services_openapi


def described(*tags: str) -> set[str]:
    paths = services_openapi()["paths"].items()
    return {path for path, item in paths if set(item["get"]["tags"]) <= set(tags)}


def served(app: ServiceApp) -> set[str]:
    return {route.resource.canonical for route in app.web.web_app.router.routes()}


def test_every_schema_is_one() -> None:
    for schema in services_openapi()["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_every_path_of_a_service_is_described_and_nothing_else() -> None:
    canary = create_canary(
        CanarySettings.model_validate({"bootstrap_servers": "127.0.0.1:1", "model": "m@1"}),
        registry=CollectorRegistry(),
    )
    operator = create_operator(
        OperatorSettings.model_validate({"bootstrap_servers": "127.0.0.1:1", "backend": "docker"}),
        registry=CollectorRegistry(),
    )

    assert served(canary) == described("every service", "canary")
    assert served(operator) == described("every service", "operator")


def test_the_control_state_is_shown_as_it_is_described() -> None:
    state = folded(
        control("m1", model("forest")),
        control("m2", model("mlp")),
        asked("a", ApproveModel(name="mlp", version="1"), author="bob"),
        control("r", route("forest@1")),
        asked("s", StartRollout(route="wine", to="mlp@1", steps=[1_000, 10_000], every_us=1)),
        asked("p", PauseRoute(name="wine")),
        asked("d", Deploy(deployment=Deployment(name="forest", model="forest@1", replicas=1))),
    )
    status = Status(
        deployments=[DeploymentStatus(deployment="forest")],
        schedules=[ScheduleStatus(route="wine", tiers=[TierStatus(tier=1, count=2)])],
        rollouts=[RolloutStatus(route="wine", began_offset=4)],
    )
    offset = {"control_offset": state.next_offset}
    held = model_json(state.models["mlp@1"])
    answers = {
        "/state/routes": offset | {"routes": routes_json(state)},
        "/state/models": offset | {"models": {"mlp@1": held}},
        "/state/models/{name}/{version}": held | {"here": [], "decided": []},
        "/state/deployments": offset | {"deployments": deployments_json(state, status)},
        "/state/approvals": offset | approvals_json(state),
        "/state/schedules": offset | {"schedules": schedules_json(state, status)},
        "/state/rollouts": offset | {"rollouts": rollouts_json(state, status)},
    }
    for path, answer in answers.items():
        check_answer(path, 200, json.loads(json.dumps(answer)))
    with pytest.raises(ValidationError):
        check_answer("/state/routes", 200, answers["/state/models"])
