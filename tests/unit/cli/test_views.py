import json
import time

import pytest
from rendezvous_cli.views import deployment_rows, model_rows, revision_rows, route_rows, service_rows
from rendezvous_client.status import LIVE_S, Heard
from rendezvous_control.fold import fold_record
from rendezvous_control.state import State
from scoring.v1.control_pb2 import Control, Deploy, Deployment, RemoveModel
from scoring.v1.status_pb2 import (
    DeploymentState,
    DeploymentStatus,
    ModelState,
    ModelStatus,
    Passed,
    Status,
)

from tests.support.control import asked, control, model, route


def folded(*messages: Control) -> State:
    state = State()
    for message in messages:
        state, refused = fold_record(state, message.SerializeToString(), state.next_offset)
        assert refused is None
    return state


def state() -> State:
    return folded(
        control("m", model()),
        control("old", model("old")),
        control("a", route("wine-forest@1")),
        control("b", route("wine-forest@1", quality=3.0)),
        Control(id="gone", author="eve", at_us=2**63, remove_model=RemoveModel(name="old", version="1")),
    )


def heard(**status: object) -> dict[str, Heard]:
    said = Status(instance="extractor-0", service="feature-extractor")
    for key, value in status.items():
        if isinstance(value, list):
            getattr(said, key).extend(value)
        else:
            setattr(said, key, value)
    return {said.instance: Heard(said, at_s=100)}


def test_a_model_shows_its_routes_and_its_state_in_the_containers() -> None:
    containers = heard(models=[ModelStatus(model="wine-forest@1", state=ModelState.MODEL_STATE_READY)])

    forest, old = sorted(model_rows(state(), containers), key=lambda row: str(row["state"]))

    assert (forest["model"], forest["state"], forest["routes"]) == ("wine-forest@1", "ready x1", ["wine"])
    assert (old["model"], old["state"], old["author"]) == ("old@1", "removed", "eve")


def test_a_route_shows_its_rules_as_people_write_them() -> None:
    (row,) = route_rows(state())

    assert (row["revision"], row["sla"], row["rules"]) == (2, "50ms", ["use wine-forest@1"])
    assert (row["default"], row["author"], row["at"]) == (
        {"quality": 3.0},
        "ada",
        "1970-01-01T00:00:00+00:00",
    )


def test_a_revision_shows_the_partitions_that_it_has_passed() -> None:
    passed = [Passed(route="wine", partition=0, revision=2), Passed(route="wine", partition=1, revision=1)]

    newest, oldest = revision_rows(state(), heard(passed=passed))

    assert (newest["revision"], newest["current"], newest["passed"]) == (2, "yes", [0])
    assert (oldest["revision"], oldest["current"], oldest["passed"]) == (1, "", [0, 1])


def test_a_service_shows_whether_it_is_there_and_how_far() -> None:
    def seen(now_s: float, **status: object) -> object:
        (row,) = service_rows(state(), heard(**status), now_s)
        return row["state"]

    (row,) = service_rows(state(), heard(control_offset=3), 101)
    assert (row["control"], row["heard"]) == ("3 of 5", "1 s ago")
    assert seen(101, ready=True) == "ready"
    assert seen(101) == "waiting"
    assert seen(100 + LIVE_S, ready=True) == "silent"
    assert seen(101, stopping=True) == "stopped"


def test_all_rows_can_be_written_as_json() -> None:
    everything = [model_rows(state(), heard()), route_rows(state()), revision_rows(state(), heard())]

    assert json.loads(json.dumps(everything, allow_nan=False))


def test_10_000_models_are_listed_within_a_second() -> None:
    many = folded(*(control(str(number), model(f"m{number}")) for number in range(10_000)))
    started = time.process_time()

    assert len(model_rows(many, {})) == 10_000
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    ("generation", "shown"),
    [
        (1, {"state": "failed", "ready": "0 of 2", "why": "it ended"}),
        (2, {"state": "unknown", "ready": "", "why": "no operator has said anything of it"}),
    ],
)
def test_a_deployment_shows_what_the_operator_says_of_it_as_it_is_wanted(
    generation: int, shown: dict[str, str]
) -> None:
    wanted = folded(
        control("m", model()),
        *(
            asked(
                f"d{each}", Deploy(deployment=Deployment(name="d", model="wine-forest@1", replicas=2 - each))
            )
            for each in reversed(range(generation))
        ),
    )
    said = DeploymentStatus(
        deployment="d",
        generation=1,
        state=DeploymentState.DEPLOYMENT_STATE_FAILED,
        wanted=2,
        reason="it ended",
    )
    (row,) = deployment_rows(wanted, heard(deployments=[said]))
    assert row["generation"] == generation
    assert {key: row[key] for key in shown} == shown
