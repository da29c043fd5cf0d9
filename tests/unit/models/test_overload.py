"""A model that is asked more than it can score, under virtual time."""

from bisect import bisect_right
from collections.abc import Callable, Sequence

import pytest
from rendezvous_contracts.topics import SCORES
from rendezvous_models.contract import Failure, Outputs, Row
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.testing import VirtualClock
from scoring.v1.score_pb2 import Score, ScoreStatus

from tests.support.control import model, route
from tests.support.folding import published
from tests.support.models import FunctionRuntime, halved, input_record, ready_model

CHAMPION = "champion@1"
SLA_US = 200_000
MOST_AT_ONCE = 2_000
BACK_US = 3_000


class Timed(FunctionRuntime):
    """A model that takes as long as *takes_us* says for so many rows."""

    def __init__(self, clock: VirtualClock, takes_us: Callable[[int], int]) -> None:
        super().__init__()
        self._clock = clock
        self._takes_us = takes_us

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        self._clock.advance(self._takes_us(len(rows)))
        return [halved(row) for row in rows]


def share_in_time(takes_us: Callable[[int], int], every_us: int, count: int = 4_000) -> float:
    """The share of *count* requests, one *every_us*, of which the score is back before the deadline."""
    clock, shelf = VirtualClock(), Shelf((CHAMPION,))
    shelf.replace({CHAMPION: ready_model(CHAMPION, Timed(clock, takes_us))})
    view = ControlView(published(model("champion", "1"), route(CHAMPION)))
    handler = ScoringHandler(shelf, view, clock=clock, service="model-container")
    begin = clock.now()
    asked = [Now(begin.mono + number * every_us, begin.wall + number * every_us) for number in range(count)]
    inputs = [input_record(number, at=at, budget_us=SLA_US) for number, at in enumerate(asked)]
    done = answered = 0
    while done < count:
        clock.advance(max(0, asked[done].mono - clock.now().mono))
        there = bisect_right(asked, clock.now().mono, lo=done, key=lambda at: at.mono)
        batch = inputs[done : min(there, done + MOST_AT_ONCE)]
        sends = handler.on_records(batch, clock.now())
        assert [send.topic for send in sends] == [SCORES] * len(batch)
        back = clock.now().wall + BACK_US
        for send in sends:
            number = int((send.key or b"")[1:])
            good = Score.FromString(send.value).status == ScoreStatus.SCORE_STATUS_OK
            answered += good and back <= asked[number].wall + SLA_US
        done += len(batch)
    return answered / count


@pytest.mark.parametrize(
    ("takes_us", "every_us", "possible"),
    [
        pytest.param(lambda rows: 4_000 * rows, 3_200, 0.8, id="a quarter more than it can"),
        pytest.param(lambda rows: 4_000 * rows, 2_000, 0.5, id="twice as much"),
        pytest.param(lambda rows: 5_000 + 1_000 * rows, 600, 0.6, id="with a cost for each batch"),
    ],
)
def test_it_answers_nearly_all_that_it_can(
    takes_us: Callable[[int], int], every_us: int, possible: float
) -> None:
    assert share_in_time(takes_us, every_us) > 0.85 * possible


@pytest.mark.parametrize(
    ("takes_us", "every_us"),
    [
        pytest.param(lambda rows: 4_000 * rows, 5_000, id="by the row"),
        pytest.param(lambda _: 90_000, 1_000, id="a server that takes as long for all"),
        pytest.param(lambda rows: 300 + 5 * rows, 100, id="fast"),
    ],
)
def test_who_can_score_all_answers_all(takes_us: Callable[[int], int], every_us: int) -> None:
    assert share_in_time(takes_us, every_us) == 1.0
