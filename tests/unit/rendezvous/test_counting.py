"""What the rendezvous counts, on a whole system in memory."""

import pytest
from prometheus_client import CollectorRegistry
from rendezvous_contracts.topics import SCORES
from rendezvous_engine.outcomes import ScoreOutcome
from rendezvous_runtime.control_view import ControlView
from rendezvous_service.route_state import RouteMetrics, shares
from scoring.v1.control_pb2 import Share, Tier, Weighted
from scoring.v1.score_pb2 import Score, ScoreStatus

from tests.support.folding import published
from tests.support.questions import FOREST, LINEAR, MLP, MS, wine
from tests.support.whole import Whole, registered

SLA = "rendezvous_sla_used_ratio"


class Counted:
    """A run of the whole system, and what its rendezvous shows."""

    def __init__(self) -> None:
        self.whole = Whole(seed=1)
        self.registry = self.whole.registry

    def ask(self, count: int, *, stalled: bool = False) -> None:
        self.whole.delays |= dict.fromkeys(self.whole.delays, 900 * MS) if stalled else {}
        for number in range(count):
            self.whole.ask(f"{'slow' if stalled else 'r'}-{number}")
        self.whole.system.run_for(3_000_000)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def counted() -> Counted:
    return Counted()


def test_answers_are_counted_by_route_source_tier_and_model(counted: Counted) -> None:
    counted.ask(5)
    labels = {"route": "wine", "source": "model", "tier": "1", "model": FOREST}
    assert counted.value("rendezvous_answers_total", **labels) == 5
    assert counted.value("rendezvous_decisions_total", route="wine", revision="1") == 5
    assert counted.value("rendezvous_answer_seconds_count", route="wine", source="model") == 5


def test_an_answer_in_time_is_in_the_bucket_of_its_sla_and_a_default_at_the_deadline_is_not(
    counted: Counted,
) -> None:
    counted.ask(5)
    counted.ask(2, stalled=True)
    at = {"route": "wine", "source": "model"}
    assert counted.value(f"{SLA}_bucket", **at, le="1.0") == 5
    assert counted.value("rendezvous_answer_seconds_bucket", **at, le="0.05") == 5
    late = {"route": "wine", "source": "default"}
    assert counted.value(f"{SLA}_count", **late) == 2
    assert counted.value(f"{SLA}_bucket", **late, le="2.0") == 2


def test_a_score_that_is_late_or_missing_is_counted_by_its_model(counted: Counted) -> None:
    counted.ask(3, stalled=True)
    missing = counted.value("rendezvous_scores_missing_total", route="wine", model=MLP) or 0
    after = counted.value("rendezvous_scores_total", model=MLP, outcome="after_close") or 0
    assert (missing, after) == (3, 3)


def test_what_a_route_can_bring_is_shown_before_it_happens(counted: Counted) -> None:
    default = {"route": "wine", "source": "default", "tier": "0", "model": "none"}
    assert counted.value("rendezvous_answers_total", **default) == 0
    assert counted.value("rendezvous_scores_missing_total", route="wine", model=LINEAR) == 0
    assert counted.value("rendezvous_decisions_behind_total", route="wine") == 0


def test_names_that_are_not_registered_are_other(counted: Counted) -> None:
    counted.ask(1)
    for number in range(300):
        score = Score(model=f"stranger@{number}", request_id="r-0", status=ScoreStatus.SCORE_STATUS_OK)
        counted.whole.system.publish(SCORES, hash("r-0") % 4, b"r-0", score.SerializeToString())
    counted.whole.system.run_for(1_000_000)
    counted.value("rendezvous_mailboxes_open")
    shown = {
        sample.labels["model"]
        for family in counted.registry.collect()
        if family.name == "rendezvous_scores"
        for sample in family.samples
    }
    assert shown == {FOREST, MLP, LINEAR, "other"}
    outcomes = [outcome.name.lower() for outcome in ScoreOutcome]
    strangers = [counted.value("rendezvous_scores_total", model="other", outcome=each) for each in outcomes]
    assert sum(filter(None, strangers)) == 300


def test_decisions_under_a_replaced_revision_are_behind(counted: Counted) -> None:
    counted.ask(2)
    assert counted.value("rendezvous_decisions_behind_total", route="wine") == 0
    counted.whole.delays = dict.fromkeys(counted.whole.delays, 900 * MS)
    counted.whole.ask("under-way")
    newer = published(*(registered(name) for name in (FOREST, MLP, LINEAR)), wine(), wine(late_us=1))
    # Its input is stamped by then, and no score comes before the deadline.
    counted.whole.after(20 * MS, lambda: counted.whole.control.publish(newer))
    counted.whole.system.run_for(1_000_000)
    assert counted.value("rendezvous_decisions_behind_total", route="wine") == 1


def test_the_routes_are_shown_as_the_control_log_has_them() -> None:
    registry = CollectorRegistry()
    ramped = wine()
    ramped.schedule[0].CopyFrom(
        Tier(weighted=Weighted(shares=[Share(model=FOREST, share=9_000), Share(model=MLP, share=1_000)]))
    )
    state = published(*(registered(name) for name in (FOREST, MLP, LINEAR)), wine(), ramped)
    RouteMetrics(registry, ControlView(state))

    assert registry.get_sample_value("rendezvous_route_revision", {"route": "wine"}) == 2
    assert registry.get_sample_value("rendezvous_route_sla_seconds", {"route": "wine"}) == 0.05
    assert registry.get_sample_value("rendezvous_route_paused", {"route": "wine"}) == 0
    assert registry.get_sample_value("rendezvous_route_share_ratio", {"route": "wine", "model": MLP}) == 0.1
    assert dict(shares(wine())) == {FOREST: 1.0}
