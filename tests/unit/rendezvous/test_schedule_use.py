"""What the rendezvous tells of its tiers and of the models' scores."""

from rendezvous_engine.verdicts import Verdict
from rendezvous_service.schedule_use import ScheduleUse
from scoring.v1.answer_pb2 import Source
from scoring.v1.status_pb2 import Status, TierStatus

MODEL = Source.SOURCE_MODEL
DEFAULT = Verdict("wine", 1, Source.SOURCE_DEFAULT, rule="default")


def first(revision: int = 1, model: str = "a@1") -> Verdict:
    return Verdict("wine", revision, MODEL, model, 1, f"use {model}")


def told(use: ScheduleUse) -> list[TierStatus]:
    status = Status()
    use.describe(status)
    (schedule,) = status.schedules
    assert schedule.route == "wine"
    return list(schedule.tiers)


def test_a_tier_tells_how_often_and_how_fast_it_answered() -> None:
    use = ScheduleUse()
    for elapsed in (300, 100, 200):
        use.of(first()).add(elapsed, 1_000)

    assert told(use) == [
        TierStatus(tier=1, rule="use a@1", since_us=1_300, count=3, duration_us=600, min_us=100, max_us=300)
    ]


def test_a_tier_is_one_over_its_models_and_the_revisions_of_the_route() -> None:
    use = ScheduleUse()
    use.of(first()).add(100, 1_000)
    use.of(first(revision=2)).add(500, 2_000)
    use.of(first(revision=3, model="b@1")).add(50, 3_000)
    (tier,) = told(use)

    assert (tier.count, tier.min_us, tier.max_us, tier.since_us) == (3, 50, 500, 1_100)
    assert tier.rule == "use b@1"
    assert use.chosen() == {"a@1": 2, "b@1": 1}


def test_the_default_comes_last_and_is_no_models_choice() -> None:
    use = ScheduleUse()
    use.of(DEFAULT).add(100, 1_000)
    use.of(first()).add(100, 1_000)

    assert [tier.tier for tier in told(use)] == [1, 0]
    assert use.chosen() == {"a@1": 1}


def test_what_waited_out_an_outage_can_be_told() -> None:
    use = ScheduleUse()
    use.of(first()).add(2**40, 1_000)

    assert told(use)[0].max_us == 2**32 - 1
    assert told(use)[0].duration_us == 2**40


def test_a_route_that_has_answered_nothing_tells_nothing() -> None:
    use = ScheduleUse()
    use.of(first())
    status = Status()
    use.describe(status)

    assert list(status.schedules) == []
