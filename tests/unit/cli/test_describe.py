import pytest
from rendezvous_cli.describe import describe_deployment, describe_model, describe_route
from rendezvous_cli.errors import CliError
from rendezvous_client.status import Heard
from scoring.v1.control_pb2 import ApproveModel, Deploy, Deployment, PauseRoute
from scoring.v1.status_pb2 import (
    ModelState,
    ModelStatus,
    ModelUse,
    Passed,
    ScheduleStatus,
    Status,
    TierStatus,
    Usage,
)

from tests.unit.cli.logs import Log, ramp, wine_log

HEARD = {
    "forest-0": Heard(
        Status(
            instance="forest-0",
            passed=[Passed(route="wine", partition=3, revision=2)],
            models=[
                ModelStatus(model="a@1", state=ModelState.MODEL_STATE_READY, usage=Usage(count=7, p99_us=90))
            ],
        ),
        at_s=1,
    )
}


@pytest.fixture
def log() -> Log:
    log = wine_log().ask(ramp(("a@1", 9_000), ("b@1", 1_000)))
    log.ask(ApproveModel(name="a", version="1"), author="bob")
    log.ask(Deploy(deployment=Deployment(name="d", model="a@1", replicas=2)))
    return log.ask(PauseRoute(name="wine"))


def test_a_model_shows_who_holds_it_and_how_it_does(log: Log) -> None:
    record = describe_model((log.state, HEARD, log.entries), "a@1")

    assert (record["approved"], record["routes"]) == (["bob"], ["wine"])
    assert record["containers"] == [
        {
            "instance": "forest-0",
            "state": "ready",
            "why": "",
            "since": "1970-01-01T00:00:00+00:00",
            "scored": 7,
            "failed": 0,
            "duration_us": 0,
            "min_us": 0,
            "p50_us": 0,
            "p99_us": 90,
            "max_us": 0,
        }
    ]
    asked = record["asked for"]
    assert isinstance(asked, list)
    assert [row["change"] for row in asked] == [
        "add model",
        "set route",
        "ramp route",
        "approve model",
        "deploy",
    ]


def test_a_route_shows_how_far_its_revision_has_come(log: Log) -> None:
    record = describe_route((log.state, HEARD, log.entries), "wine")

    assert (record["revision"], record["passed"], record["paused"]) == (2, [3], "by ada")
    assert record["qualities"] == {"a@1": 0.5, "b@1": 0.5}


def test_a_rendezvous_tells_how_a_route_decided_and_what_became_of_a_models_scores(log: Log) -> None:
    tier = TierStatus(tier=1, rule="use a@1", count=3, duration_us=60, min_us=9, max_us=30)
    schedules = [ScheduleStatus(route="wine", tiers=[tier]), ScheduleStatus(route="beer", tiers=[tier])]
    uses = [ModelUse(model="a@1", in_time=5, late=1, missing=2, chosen=3), ModelUse(model="b@1", late=9)]
    heard = {"r-0": Heard(Status(instance="r-0", schedules=schedules, uses=uses), at_s=1)}
    known = (log.state, heard, log.entries)

    times = {"duration_us": 60, "min_us": 9, "max_us": 30}
    named = {"instance": "r-0", "tier": 1, "rule": "use a@1", "since": "1970-01-01T00:00:00+00:00"}
    assert describe_route(known, "wine")["tiers"] == [{**named, "answers": 3, **times}]
    assert describe_model(known, "a@1")["decided"] == [
        {"instance": "r-0", "in_time": 5, "late": 1, "missing": 2, "chosen": 3}
    ]


def test_a_deployment_shows_what_is_to_run(log: Log) -> None:
    record = describe_deployment((log.state, {}, log.entries), "d")

    assert (record["runs"], record["generation"]) == ("2 x a@1", 1)


def test_what_is_not_there_is_answered_with_what_is(log: Log) -> None:
    known = (log.state, HEARD, log.entries)

    with pytest.raises(CliError, match="there is no model c@1; there are: a@1, b@1"):
        describe_model(known, "c@1")
    with pytest.raises(CliError, match="there is no route beer; there are: wine"):
        describe_route(known, "beer")
    with pytest.raises(CliError, match="there is no deployment e; there are: d"):
        describe_deployment(known, "e")
