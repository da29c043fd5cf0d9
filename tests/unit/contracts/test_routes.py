from rendezvous_contracts.routes import describe_tier, late_window_us, ranked_models, scoring_models
from scoring.v1.control_pb2 import Route, Tier


def test_a_tier_reads_as_people_write_it() -> None:
    assert describe_tier(Tier(model="wine-forest@3")) == "use wine-forest@3"
    assert describe_tier(Tier(after_us=35_000, any=True)) == "after 35ms use any"
    assert describe_tier(Tier(after_us=1_500, model="wine-mlp@1")) == "after 1.5ms use wine-mlp@1"


def test_models_rank_as_listed_and_then_as_scheduled() -> None:
    route = Route(
        models=["b@1"], schedule=[Tier(model="a@1"), Tier(model="b@1"), Tier(any=True)], canary="c@1"
    )

    assert ranked_models(route) == ("b@1", "a@1")
    assert scoring_models(route) == ("b@1", "a@1", "c@1")


def test_a_canary_that_a_tier_names_scores_once() -> None:
    assert scoring_models(Route(schedule=[Tier(model="a@1")], canary="a@1")) == ("a@1",)


def test_a_mailbox_stays_open_as_long_as_the_sla_unless_the_route_says_otherwise() -> None:
    assert late_window_us(Route(sla_us=50)) == 50
    assert late_window_us(Route(sla_us=50, late_us=7)) == 7
