from collections.abc import Sequence

import pytest
from rendezvous_contracts.topics import DEAD_LETTERS, INPUTS, SCORES
from rendezvous_contracts.values import from_fields
from rendezvous_control.state import State
from rendezvous_models.contract import Failure, Outputs, Row
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.shelf import Shelf
from rendezvous_models.tally import InputFate
from rendezvous_runtime.clock import Now
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.stream import Send
from rendezvous_runtime.testing import MemoryRecord, VirtualClock
from scoring.v1.control_pb2 import Route
from scoring.v1.score_pb2 import Score, ScoreStatus

from tests.support.control import model, route
from tests.support.folding import published
from tests.support.models import FunctionRuntime, halved, input_record, ready_model

OK = ScoreStatus.SCORE_STATUS_OK
FAILED = ScoreStatus.SCORE_STATUS_FAILED
INVALID = ScoreStatus.SCORE_STATUS_INVALID_INPUT
EXPIRED = ScoreStatus.SCORE_STATUS_EXPIRED
NOT_READY = ScoreStatus.SCORE_STATUS_NOT_READY

CHAMPION, SHADOW, STRANGER = "champion@1", "shadow@1", "stranger@1"


def _state(*routes: Route) -> State:
    return published(*(model(name, "1") for name in ("champion", "shadow", "stranger")), *routes)


def _wine() -> Route:
    wine = route(CHAMPION)
    wine.shadows.append(SHADOW)
    return wine


class _Container:
    """A handler with its shelf, under virtual time."""

    def __init__(self, *assigned: str, max_batch: int = 256) -> None:
        self.clock = VirtualClock()
        self.runtimes = {name: FunctionRuntime() for name in assigned}
        self.shelf = Shelf(assigned)
        self.shelf.replace({name: ready_model(name, runtime) for name, runtime in self.runtimes.items()})
        self.view = ControlView(_state(_wine()))
        self.handler = ScoringHandler(
            self.shelf, self.view, clock=self.clock, service="model-container", max_batch=max_batch
        )

    @property
    def now(self) -> Now:
        return self.clock.now()

    def sends(self, *records: MemoryRecord) -> Sequence[Send]:
        return self.handler.on_records(records, self.now)

    def scores(self, *records: MemoryRecord) -> list[Score]:
        return [Score.FromString(send.value) for send in self.sends(*records) if send.topic == SCORES]


def _busy_for(container: _Container, us: int) -> FunctionRuntime:
    """A model that takes *us* for each row."""

    def function(row: Row) -> Outputs | Failure:
        container.clock.advance(us)
        return halved(row)

    return FunctionRuntime(function)


def test_a_score_says_who_what_when_and_for_which_request() -> None:
    container = _Container(CHAMPION)
    container.shelf.replace({CHAMPION: ready_model(CHAMPION, _busy_for(container, 70))})
    received = container.now

    (send,) = container.sends(input_record(7, {"alcohol": 12.0}, at=received, partition=3))

    assert (send.topic, send.partition, send.key) == (SCORES, 3, b"r7")
    assert send.headers == [("traceparent", b"00-a-b-01")]
    score = Score.FromString(send.value)
    assert from_fields(score.outputs) == {"quality": 6.0}
    assert (score.model, score.status, score.revision) == (CHAMPION, OK, 1)
    assert (score.request_id, score.route, score.error) == ("r7", "wine", "")
    assert (score.received_at_us, score.waited_us, score.scored_us) == (received.wall, 0, 70)


def test_each_assigned_model_that_the_revision_names_scores_and_no_other() -> None:
    container = _Container(CHAMPION, SHADOW, STRANGER)

    scores = container.scores(input_record(1, at=container.now))

    assert [score.model for score in scores] == [CHAMPION, SHADOW]


def test_a_container_whose_models_the_revision_does_not_name_says_nothing() -> None:
    container = _Container(STRANGER)

    assert container.sends(input_record(1, at=container.now)) == []


def test_an_input_is_scored_under_its_own_revision_also_when_a_newer_one_is_folded() -> None:
    container = _Container(CHAMPION, STRANGER)
    container.view.publish(_state(_wine(), route(STRANGER)))

    old = container.scores(input_record(1, at=container.now, revision=1))
    new = container.scores(input_record(2, at=container.now, revision=2))

    assert [score.model for score in old + new] == [CHAMPION, STRANGER]


def test_an_input_of_a_revision_not_folded_yet_is_scored_with_what_is_ready() -> None:
    container = _Container(CHAMPION, STRANGER)

    scores = container.scores(input_record(1, at=container.now, revision=9))

    assert [(score.model, score.status, score.revision) for score in scores] == [
        (CHAMPION, OK, 9),
        (STRANGER, OK, 9),
    ]


def test_of_a_revision_not_folded_yet_failures_are_not_sent() -> None:
    container = _Container(CHAMPION)

    assert container.scores(input_record(1, {"alcohol": "much"}, at=container.now, revision=9)) == []


def test_a_pinned_model_scores_also_where_the_revision_does_not_name_it() -> None:
    container = _Container(CHAMPION, STRANGER)
    pinned = input_record(1, at=container.now, pinned=STRANGER)
    assert [score.model for score in container.scores(pinned)] == [CHAMPION, STRANGER]
    champion = input_record(1, at=container.now, pinned=CHAMPION)
    assert [score.model for score in container.scores(champion)] == [CHAMPION]


def test_a_pinned_model_that_another_process_holds_or_that_cannot_answer_scores_nothing() -> None:
    container = _Container(CHAMPION, STRANGER)
    elsewhere = input_record(1, at=container.now, pinned=SHADOW)
    refused = input_record(2, at=container.now, pinned=STRANGER, pin_problem="it was removed")
    assert [score.model for score in container.scores(elsewhere, refused)] == [CHAMPION, CHAMPION]


def test_a_pinned_model_that_is_not_there_says_not_ready() -> None:
    container = _Container(CHAMPION, STRANGER)
    container.shelf.replace({})
    statuses = {
        score.model: score.status
        for score in container.scores(input_record(1, at=container.now, pinned=STRANGER))
    }
    assert statuses == {CHAMPION: NOT_READY, STRANGER: NOT_READY}


def test_rows_of_one_batch_are_scored_together_in_order_up_to_the_largest_batch() -> None:
    container = _Container(CHAMPION, max_batch=4)
    records = [input_record(n, {"alcohol": float(n)}, at=container.now) for n in range(10)]

    scores = container.scores(*records)

    assert container.runtimes[CHAMPION].batches == [4, 4, 2]
    assert [from_fields(score.outputs)["quality"] for score in scores] == [n / 2 for n in range(10)]


def test_an_input_past_its_deadline_is_not_scored_and_says_so() -> None:
    container = _Container(CHAMPION)
    late = input_record(1, at=container.now, budget_us=1_000)
    container.clock.advance(1_000)

    (score,) = container.scores(late, input_record(2, at=container.now, revision=2))[:1]

    assert (score.status, score.scored_us) == (EXPIRED, 0)
    assert score.error == "the deadline had passed"


def test_one_microsecond_before_the_deadline_an_input_is_scored() -> None:
    container = _Container(CHAMPION)
    record = input_record(1, at=container.now, budget_us=1_000)
    container.clock.advance(999)

    assert [score.status for score in container.scores(record)] == [OK]


def test_an_input_whose_deadline_passes_while_others_are_scored_expires() -> None:
    container = _Container(CHAMPION, max_batch=1)
    container.shelf.replace({CHAMPION: ready_model(CHAMPION, _busy_for(container, 600))})
    records = [input_record(n, at=container.now, budget_us=1_000) for n in range(3)]

    scores = container.scores(*records)

    assert [score.status for score in scores] == [OK, OK, EXPIRED]
    assert [score.waited_us for score in scores] == [0, 600, 1_200]


def test_an_input_that_nobody_can_still_wait_for_is_counted_and_no_more() -> None:
    container = _Container(CHAMPION)
    record = input_record(1, at=container.now, budget_us=1_000)
    container.clock.advance(61_000_000)

    assert container.sends(record) == []
    assert container.handler.tally.inputs == {InputFate.STALE: 1}


def test_an_input_with_a_problem_is_left_to_the_rendezvous() -> None:
    container = _Container(CHAMPION)

    assert container.sends(input_record(1, at=container.now, problem="pH is missing")) == []
    assert container.handler.tally.inputs == {InputFate.PROBLEM: 1}


def test_an_input_without_a_route_is_left_to_the_rendezvous() -> None:
    container = _Container(CHAMPION)

    assert container.sends(input_record(1, at=container.now, revision=0)) == []
    assert container.handler.tally.inputs == {InputFate.UNROUTED: 1}


@pytest.mark.parametrize(
    ("features", "error"),
    [
        ({"alcohol": "much"}, "alcohol: expected a number, got text 'much'"),
        ({"alcohol": True}, "alcohol: expected a number, got flag true"),
        ({}, "alcohol: expected a number, got nothing"),
        ({"alcohol": None}, "alcohol: expected a number, got nothing"),
    ],
)
def test_an_input_that_does_not_fit_names_the_field(features: dict[str, object], error: str) -> None:
    container = _Container(CHAMPION)

    (score,) = container.scores(input_record(1, features, at=container.now))

    assert (score.status, score.error) == (INVALID, error)


def test_a_bad_row_costs_only_its_own_score() -> None:
    container = _Container(CHAMPION)
    rows: list[dict[str, object]] = [{"alcohol": 9.0}, {"alcohol": "much"}, {"alcohol": 10}, {"alcohol": 8.0}]
    records = [input_record(n, row, at=container.now) for n, row in enumerate(rows)]

    scores = container.scores(*records)

    assert [score.status for score in scores] == [OK, INVALID, FAILED, OK]
    assert container.runtimes[CHAMPION].batches == [3]


def _raises(_: Row) -> Outputs:
    raise RuntimeError("out of cheese")


def test_a_model_that_raises_gives_failed_scores_and_the_others_go_on() -> None:
    container = _Container(CHAMPION, SHADOW)
    container.shelf.replace(
        {CHAMPION: ready_model(CHAMPION, FunctionRuntime(_raises)), SHADOW: ready_model(SHADOW)}
    )

    failed, other = container.scores(input_record(1, at=container.now))

    assert (failed.status, failed.error) == (FAILED, "the model failed: RuntimeError: out of cheese")
    assert (other.model, other.status) == (SHADOW, OK)


def test_an_output_that_cannot_travel_is_a_failed_score() -> None:
    container = _Container(CHAMPION)
    runtime = FunctionRuntime(lambda _: {"quality": float("nan")})
    container.shelf.replace({CHAMPION: ready_model(CHAMPION, runtime)})

    (score,) = container.scores(input_record(1, at=container.now))

    assert score.status == FAILED
    assert "quality: nan is not a finite number" in score.error


class _PatientRuntime(FunctionRuntime):
    """A model that is told for how long it may wait."""

    def __init__(self) -> None:
        super().__init__()
        self.budgets: list[int] = []

    def predict_within(self, rows: Sequence[Row], budget_us: int) -> list[Outputs | Failure]:
        self.budgets.append(budget_us)
        return self.predict(rows)


def test_a_model_that_waits_for_others_is_told_what_is_left_of_the_latest_deadline() -> None:
    container = _Container(CHAMPION)
    runtime = _PatientRuntime()
    container.shelf.replace({CHAMPION: ready_model(CHAMPION, runtime)})
    budgets = (9_000, 20_000, 1_000)
    records = [input_record(n, at=container.now, budget_us=us) for n, us in enumerate(budgets)]
    container.clock.advance(5_000)

    scores = container.scores(*records)

    assert [score.status for score in scores] == [OK, OK, EXPIRED]
    assert runtime.budgets == [15_000]


class _ShortRuntime(FunctionRuntime):
    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        return super().predict(rows)[:-1]


def test_a_model_that_loses_rows_fails_all_of_its_batch() -> None:
    container = _Container(CHAMPION)
    container.shelf.replace({CHAMPION: ready_model(CHAMPION, _ShortRuntime())})

    scores = container.scores(*(input_record(n, at=container.now) for n in range(3)))

    assert [score.status for score in scores] == [FAILED] * 3


def test_an_assigned_model_that_is_not_there_says_not_ready() -> None:
    container = _Container(CHAMPION)
    container.shelf.replace({})

    (score,) = container.scores(input_record(1, at=container.now))

    assert (score.model, score.status) == (CHAMPION, NOT_READY)


def test_a_runtime_that_stops_being_ready_says_so() -> None:
    container = _Container(CHAMPION)
    container.runtimes[CHAMPION].loaded = False

    (score,) = container.scores(input_record(1, at=container.now))

    assert score.status == NOT_READY


class _Flickering(FunctionRuntime):
    """A model that is ready every other time that it is looked at."""

    @property
    def ready(self) -> bool:
        self.loaded = not self.loaded
        return self.loaded


@pytest.mark.parametrize("loaded", [True, False])
def test_whether_a_model_is_ready_is_decided_once_for_a_batch(*, loaded: bool) -> None:
    container = _Container(CHAMPION)
    runtime = _Flickering()
    runtime.loaded = loaded
    container.shelf.replace({CHAMPION: ready_model(CHAMPION, runtime)})

    (score,) = container.scores(input_record(1, at=container.now))

    assert score.status == (NOT_READY if loaded else OK)


@pytest.mark.parametrize("value", [b"\xff\xff\xff", b"\x0a\x05ab", b"", None])
def test_bytes_that_are_no_input_become_a_dead_letter_and_the_next_is_scored(value: bytes | None) -> None:
    container = _Container(CHAMPION)
    poison = MemoryRecord(INPUTS, value, partition=2, offset=5, key=b"k")

    sends = container.sends(poison, input_record(1, at=container.now))

    assert [send.topic for send in sends] == [DEAD_LETTERS, SCORES]
    assert (sends[0].partition, sends[0].key, sends[0].value) == (2, b"k", value or b"")


def test_usage_counts_rows_failures_and_time_of_what_the_model_was_asked() -> None:
    container = _Container(CHAMPION)
    runtime = _busy_for(container, 100)
    held = ready_model(CHAMPION, runtime)
    container.shelf.replace({CHAMPION: held})

    container.scores(*(input_record(n, at=container.now) for n in range(4)))
    container.scores(input_record(9, {"alcohol": 1}, at=container.now))
    container.scores(input_record(10, {"alcohol": "much"}, at=container.now))

    usage = held.usage.to_message()
    assert (usage.count, usage.failed, usage.duration_us) == (5, 1, 500)
    assert (usage.min_us, usage.max_us) == (100, 100)
    assert usage.p50_us == usage.p99_us == pytest.approx(100, rel=0.02)
