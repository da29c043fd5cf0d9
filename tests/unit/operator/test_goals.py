"""What the control log wants to run, container by container."""

import pytest
from rendezvous_operator.goals import goals
from scoring.v1.control_pb2 import AddModel, Deploy, Deployment, ScaleDeployment, SetRoute, Undeploy

from tests.support.control import model, route
from tests.support.folding import decided

MODELS = [AddModel(model=model("wine", version)) for version in ("1", "2")] + [
    AddModel(model=model("beer", "1"))
]
ROUTE = SetRoute(route=route("wine@1", "beer@1", canary="wine@2"))


@pytest.mark.parametrize(
    ("deployment", "models"),
    [
        (Deployment(name="d", model="wine@1", replicas=1), ("wine@1",)),
        (Deployment(name="d", versions_of="wine", replicas=1), ("wine@1", "wine@2")),
        (Deployment(name="d", route="wine", replicas=1), ("beer@1", "wine@1")),
    ],
)
def test_a_deployment_hosts_what_it_names(deployment: Deployment, models: tuple[str, ...]) -> None:
    goal = goals(decided(*MODELS, ROUTE, Deploy(deployment=deployment)))["d"]
    (wanted,) = goal.instances
    assert wanted.models == models
    assert wanted.types == ("pmml",)
    assert wanted.environment["RENDEZVOUS_MODEL"] == ",".join(models)
    own_group = wanted.environment["RENDEZVOUS_GROUP"]
    assert own_group == ("" if len(models) == 1 else f"rendezvous.deployment.d.{wanted.build}")


def test_scaling_keeps_the_containers_and_another_image_replaces_them() -> None:
    first = Deploy(deployment=Deployment(name="d", model="wine@1", replicas=1))
    other = Deploy(deployment=Deployment(name="d", model="wine@1", replicas=1, image="mine:1"))
    (one,) = goals(decided(*MODELS, first))["d"].instances
    scaled = goals(decided(*MODELS, first, ScaleDeployment(name="d", replicas=2)))["d"]
    (replaced,) = goals(decided(*MODELS, first, other))["d"].instances
    assert scaled.instances[0] == one
    assert scaled.generation == 2
    assert len({each.name for each in scaled.instances}) == 2
    assert replaced.name != one.name


def test_a_new_version_replaces_the_container_of_all_versions() -> None:
    deploy = Deploy(deployment=Deployment(name="d", versions_of="wine", replicas=1))
    (one,) = goals(decided(*MODELS, deploy))["d"].instances
    (two,) = goals(decided(*MODELS, deploy, AddModel(model=model("wine", "3"))))["d"].instances
    assert two.models == ("wine@1", "wine@2", "wine@3")
    assert one.name != two.name


def test_a_deployment_without_a_model_says_so() -> None:
    deploy = Deploy(deployment=Deployment(name="d", versions_of="cider", replicas=1))
    goal = goals(decided(*MODELS, deploy))["d"]
    assert goal.problem == "versions of cider: there is no model to score with"


def test_nothing_is_wanted_of_what_was_undeployed() -> None:
    deploy = Deploy(deployment=Deployment(name="d", model="wine@1", replicas=1))
    assert goals(decided(*MODELS, deploy, Undeploy(name="d"))) == {}


def test_only_settings_that_are_allowed_reach_the_container() -> None:
    options = {"jvm_heap_mb": "64", "artifact_roots": "/"}
    deploy = Deploy(deployment=Deployment(name="d", model="wine@1", replicas=1, options=options))
    (wanted,) = goals(decided(*MODELS, deploy))["d"].instances
    assert wanted.environment["RENDEZVOUS_JVM_HEAP_MB"] == "64"
    assert "RENDEZVOUS_ARTIFACT_ROOTS" not in wanted.environment
