from prometheus_client import CollectorRegistry, generate_latest
from rendezvous_canary.comparison import Fate, Pair
from rendezvous_canary.handler import CanaryHandler, create_comparison
from rendezvous_canary.metrics import ComparisonMetrics
from rendezvous_canary.settings import CanarySettings
from rendezvous_contracts.topics import DEAD_LETTERS, SCORES
from rendezvous_control.state import State
from rendezvous_models.contract import Outputs, Row
from rendezvous_models.metrics import ScoringMetrics
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.testing import System

from tests.support.control import model, route
from tests.support.folding import published
from tests.support.models import FunctionRuntime, input_record, ready_model

CANARY, CHAMPION = "canary@1", "champion@1"


def _state() -> State:
    return published(model("canary", "1"), model("champion", "1"), route(CHAMPION, canary=CANARY))


def _scored_by(name: str, system: System, view: ControlView, runtime: FunctionRuntime) -> ScoringHandler:
    shelf = Shelf((name,))
    shelf.replace({name: ready_model(name, runtime)})
    return ScoringHandler(shelf, view, clock=system.clock, service="canary")


def _higher(row: Row) -> Outputs:
    alcohol = row["alcohol"]
    assert isinstance(alcohol, float)
    return {"quality": alcohol / 2 + 0.25}


class _Stream:
    """A canary and a champion on one log in memory."""

    def __init__(self) -> None:
        self.system = System(partitions=2)
        view = ControlView(_state())
        settings = CanarySettings(model=(CANARY,))
        self.scoring = _scored_by(CANARY, self.system, view, FunctionRuntime())
        self.canary = CanaryHandler(self.scoring, create_comparison(settings, view), service="canary")
        self.system.add(self.canary, name="canary")
        self.system.add(_scored_by(CHAMPION, self.system, view, FunctionRuntime(_higher)), name="champion")

    def ask(self, number: int) -> None:
        record = input_record(number, {"alcohol": float(number)}, at=self.system.clock.now())
        self.system.publish(record.topic(), number % 2, record.key(), record.value() or b"")


def test_a_canary_scores_and_compares_the_champion_with_itself() -> None:
    stream = _Stream()
    for number in range(10):
        stream.ask(number)
    stream.system.run_for(1_000_000)

    deltas = stream.canary.comparison.deltas[Pair("wine", CHAMPION)]["quality"]

    assert len(stream.system.records(SCORES)) == 20
    assert (deltas.count, deltas.mean, deltas.mean_absolute, deltas.largest) == (10, 0.25, 0.25, 0.25)
    assert stream.canary.comparison.waiting == 0


def test_a_champion_that_is_dead_is_missing_once_the_time_is_up_on_a_quiet_stream() -> None:
    stream = _Stream()
    stream.system.kill("champion")
    stream.ask(1)

    stream.system.run_for(9_000_000)
    assert stream.canary.comparison.fates == {}
    stream.system.run_for(2_000_000)

    assert stream.canary.comparison.fates == {(Pair("wine", CHAMPION), Fate.MISSING): 1}


def test_bytes_that_are_no_score_become_a_dead_letter_and_the_next_is_compared() -> None:
    stream = _Stream()
    for poison in (b"\xff\xff", b""):
        stream.system.publish(SCORES, 0, b"k", poison)
    stream.ask(2)
    stream.system.run_for(1_000_000)

    letters = stream.system.records(DEAD_LETTERS)
    assert [letter.value() for letter in letters] == [b"\xff\xff", b""]
    assert stream.canary.comparison.fates == {(Pair("wine", CHAMPION), Fate.COMPARED): 1}


def test_metrics_show_the_comparison_and_the_scoring() -> None:
    stream = _Stream()
    registry = CollectorRegistry()
    ComparisonMetrics(registry, stream.canary.comparison)
    shelf = Shelf((CANARY,))
    ScoringMetrics(registry, shelf, stream.scoring.tally)
    stream.ask(1)
    stream.system.run_for(1_000_000)

    shown = generate_latest(registry).decode()

    labels = f'{{model="{CHAMPION}",output="quality",route="wine"}}'
    assert f"rendezvous_canary_mean_delta{labels} 0.25" in shown
    assert f'rendezvous_canary_scores_total{{fate="compared",model="{CHAMPION}",route="wine"}} 1.0' in shown
    assert 'rendezvous_scoring_inputs_total{fate="accepted"} 1.0' in shown
    assert f'rendezvous_scoring_scores_total{{model="{CANARY}",status="ok"}} 1.0' in shown
    assert f'rendezvous_scoring_model_ready{{model="{CANARY}"}} 0.0' in shown
