import pytest
from rendezvous_contracts.errors import BadPolicyError, BadShareError
from rendezvous_contracts.policy import (
    DeploymentDocument,
    RouteDocument,
    deployment_to_document,
    parse_documents,
    route_to_document,
)
from rendezvous_contracts.routes import COMBINATIONS, champions, describe_tier, ranked_models
from rendezvous_contracts.shares import bucket_of, format_share, parse_share
from scoring.v1.control_pb2 import Combined, Deployment, Route, Share, Tier, Weighted

HEAD = "route: wine\nsla: 50ms\ndefault: {quality: 5.6}\n"
SPLIT = "schedule: [{use: {weighted: {a@1: 90%, b@1: 10%}}}]"


def read(text: str) -> Route:
    (document,) = parse_documents(HEAD + text, "wine.yaml")
    assert isinstance(document, RouteDocument)
    return document.route


@pytest.mark.parametrize(
    ("written", "tier"),
    [
        ("best-quality", Tier(best_quality=True)),
        (
            "{weighted: {a@1: 99.99%, b@1: 0.01%}}",
            Tier(weighted=Weighted(shares=[Share(model="a@1", share=9_999), Share(model="b@1", share=1)])),
        ),
        (
            "{median: [a@1, b@1]}",
            Tier(combined=Combined(combination=COMBINATIONS["median"], models=["a@1", "b@1"], at_least=2)),
        ),
        (
            "{majority: [a@1, b@1], at_least: 1, field: colour}",
            Tier(
                combined=Combined(
                    combination=COMBINATIONS["majority"], models=["a@1", "b@1"], at_least=1, field="colour"
                )
            ),
        ),
    ],
)
def test_a_tier_uses_a_selector(written: str, tier: Tier) -> None:
    assert list(read(f"schedule: [{{use: {written}}}]").schedule) == [tier]


@pytest.mark.parametrize(
    ("use", "problem"),
    [
        ("{}", "name one of weighted, majority, median, mean, and here are 0"),
        ("{mean: [a@1], median: [a@1]}", "and here are 2"),
        ("{wieghted: {}}", "did you mean weighted?"),
        ("{weighted: {a@1: 90}}", "a share is a percentage: write 90%"),
        ("{weighted: {a@1: ninety}}", "'ninety' is not a share: write a percentage, like 10% or 0.01%"),
        ("{weighted: {a@1: 90%}}", "the shares make 90%: they have to make 100%"),
        ("{weighted: {a: 100%}}", "a model is named name@version"),
        ("{weighted: {a@1: 100%}, at_least: 1}", "it belongs to majority, median, mean: leave it out"),
        ("{mean: []}", "mean of at least 0 of 0 models"),
        ("{mean: [a@1], at_least: 2}", "mean of at least 2 of 1 models"),
        ("{mean: [a@1], field: x}", "only a majority is about one field"),
        ("{majority: [a@1]}", "field is missing"),
    ],
)
def test_a_selector_that_is_wrong_is_refused_with_the_line_and_what_to_do(use: str, problem: str) -> None:
    with pytest.raises(BadPolicyError) as refused:
        read(f"schedule:\n  - use: {use}\n")

    assert str(refused.value).startswith("wine.yaml:5: ")
    assert problem in str(refused.value)


def test_what_protects_a_route_is_read_and_written() -> None:
    route = read("requires_approval: true\nkey: customer\ninputs: {customer: text}\n")

    assert (route.requires_approval, route.key) == (True, "customer")
    assert {"requires_approval", "key"} <= route_to_document(route).keys()


def test_a_deployment_is_read_whole() -> None:
    text = "deployment: forest\nversions_of: wine-forest\nimage: an/image:1\noptions: {cpus: 2, gpu: true}\n"

    (document,) = parse_documents(text, "d.yaml")

    options = {"cpus": "2", "gpu": "true"}
    wanted = Deployment(
        name="forest", versions_of="wine-forest", replicas=1, image="an/image:1", options=options
    )
    assert document == DeploymentDocument("d.yaml", 1, wanted)
    assert deployment_to_document(wanted)["replicas"] == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("deployment: a", "name one of model, versions_of, route, and here are 0"),
        ("deployment: a\nmodel: a@1\nroute: wine", "and here are 2"),
        ("deployment: a\nmodel: a", "name@version"),
        ("deployment: A\nmodel: a@1", "deployment name 'A'"),
        ("deployment: a\nmodel: a@1\nreplicas: 1001", "1001 replicas: use 0 to 1000"),
    ],
)
def test_a_deployment_that_is_wrong_is_refused_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(BadPolicyError, match=r"\Ad\.yaml:[0-9]: ") as refused:
        parse_documents(text, "d.yaml")

    assert problem in str(refused.value)


@pytest.mark.parametrize(
    ("text", "share"), [("0%", 0), ("0.01%", 1), ("0.1%", 10), ("12.34%", 1_234), ("100%", 10_000)]
)
def test_a_share_is_written_as_a_percentage(text: str, share: int) -> None:
    assert parse_share(text) == share
    assert format_share(share) == text


@pytest.mark.parametrize("text", ["", "10", "%", "100.01%", "-1%", "0.001%", "1e1%", "\u0661%"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(BadShareError):
        parse_share(text)


def test_a_rule_says_what_it_uses() -> None:
    route = read(SPLIT)

    assert describe_tier(route.schedule[0]) == "use 90% a@1, 10% b@1"
    assert ranked_models(route) == champions(route) == ("a@1", "b@1")
    vote = Combined(combination=COMBINATIONS["majority"], models=["a@1", "b@1"], at_least=1, field="x")
    assert describe_tier(Tier(combined=vote)) == "use majority x of at least 1 of a@1, b@1"
    assert describe_tier(Tier(after_us=1_000, best_quality=True)) == "after 1ms use best-quality"


def test_a_key_has_the_same_place_in_every_process() -> None:
    # Written down: another number here would move customers to other models.
    assert [bucket_of("wine", b"customer-7"), bucket_of("beer", b"customer-7")] == [186, 6_725]
