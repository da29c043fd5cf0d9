import pytest
from rendezvous_control.state import State
from scoring.v1.control_pb2 import Deploy, Deployment, RemoveModel, ScaleDeployment, Undeploy

from tests.support import control as sample
from tests.support.control import control
from tests.support.folding import after, folded, refusal


def with_model() -> State:
    return folded(control("m", sample.model("a")), control("r", sample.route("a@1")))


def deploy(
    model: str = "", *, versions_of: str = "", route: str = "", replicas: int = 1, image: str = ""
) -> Deploy:
    deployment = Deployment(name="a-1", replicas=replicas, image=image)
    if versions_of:
        deployment.versions_of = versions_of
    elif route:
        deployment.route = route
    else:
        deployment.model = model or "a@1"
    return Deploy(deployment=deployment)


def test_a_deployment_counts_its_generations_through_all_that_becomes_of_it() -> None:
    state = after(with_model(), deploy(), expected=0)
    assert state.deployments["a-1"].generation == 1

    state = after(state, ScaleDeployment(name="a-1", replicas=3), expected=1)
    assert state.deployments["a-1"].deployment == deploy(replicas=3).deployment

    state = after(state, Undeploy(name="a-1"), expected=2)
    assert state.deployment("a-1") is None
    assert state.deployments["a-1"].removed is not None

    state = after(state, deploy(), expected=3)
    assert state.deployments["a-1"].generation == 4


@pytest.mark.parametrize("change", [deploy("a@1"), deploy(versions_of="a"), deploy(route="wine")])
def test_a_deployment_hosts_a_model_or_the_versions_of_one_or_a_route(change: Deploy) -> None:
    assert "a-1" in after(with_model(), change).deployments


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (Deploy(), "deployment name ''"),
        (Deploy(deployment=Deployment(name="a-1")), "it hosts nothing"),
        (deploy("b@1"), "b@1 is not registered"),
        (deploy("b"), "name@version"),
        (deploy(versions_of="B"), "model name 'B'"),
        (deploy(route="beer"), "route 'beer' is not known"),
        (deploy(replicas=1_001), "1001 replicas are asked for: use 1000 at most"),
        (deploy(image="a\nb"), "the image is 'a\\nb'"),
        (Deploy(deployment=Deployment(name="a", model="a@1", options={"cpu": ""})), "option cpu is ''"),
        (Undeploy(name="b"), "nothing is deployed as 'b'"),
        (ScaleDeployment(name="b"), "nothing is deployed as 'b'"),
    ],
)
def test_a_deployment_that_is_wrong_is_refused(change: Deploy, reason: str) -> None:
    assert reason in refusal(with_model(), change).reason


def test_what_is_so_already_is_unchanged() -> None:
    state = after(with_model(), deploy())

    assert refusal(state, deploy()).unchanged
    assert refusal(state, ScaleDeployment(name="a-1", replicas=1)).unchanged
    assert refusal(after(state, Undeploy(name="a-1")), Undeploy(name="a-1")).unchanged


def test_a_stale_generation_is_refused() -> None:
    state = after(with_model(), deploy())

    for change in (deploy(replicas=2), Undeploy(name="a-1"), ScaleDeployment(name="a-1")):
        reason = refusal(state, change, expected=0).reason
        assert reason == "deployment a-1 is at generation 1, not 0: look at it and decide again"


def test_a_deployed_model_cannot_be_removed() -> None:
    state = after(folded(control("m", sample.model("a"))), deploy())
    removal = RemoveModel(name="a", version="1")

    assert refusal(state, removal).reason == "model a@1 is deployed as a-1: undeploy it first"
    assert after(after(state, Undeploy(name="a-1")), removal).model("a@1") is None
