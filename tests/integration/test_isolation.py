"""Models in worker processes of their own, which hang, leak and crash: real processes, a real runtime."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from prometheus_client import CollectorRegistry
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from rendezvous_models import report
from rendezvous_models.artifacts import ArtifactStore
from rendezvous_models.contract import RuntimeOptions
from rendezvous_models.errors import WorkerError
from rendezvous_models.isolation import Isolate, IsolatedRuntime, Place, create_isolated
from rendezvous_models.lifecycle import Phase
from rendezvous_models.loader import Loader
from rendezvous_models.metrics import ScoringMetrics
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.shelf import Shelf
from rendezvous_models.worker_keeper import WorkerLimits
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.stream import Send
from scoring.v1.control_pb2 import Model, Route
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.status_pb2 import ModelState, Status

from tests.support.control import control, route
from tests.support.models import input_record
from tests.support.odd_models import install_odd, odd_model, odd_runtime, row, said
from tests.support.polling import is_within, wait_until
from tests.support.processes import is_running

BUDGET_US = 400_000  # of which half is waited
PATIENCE_S = 20.0
LIMITS = WorkerLimits(grace_s=0.3, load_s=20.0)
OK = ScoreStatus.SCORE_STATUS_OK
FAILED = ScoreStatus.SCORE_STATUS_FAILED
NOT_READY = ScoreStatus.SCORE_STATUS_NOT_READY

Load = Callable[..., IsolatedRuntime]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    install_odd(tmp_path, monkeypatch)
    loaded: list[IsolatedRuntime] = []

    def load(limits: WorkerLimits = LIMITS) -> IsolatedRuntime:
        loaded.append(odd_runtime(tmp_path, limits))
        return loaded[-1]

    yield load
    for each in loaded:
        each.unload()


def ask(runtime: IsolatedRuntime, deed: str = "nothing", much: float = 1.0) -> object:
    (found,) = said(runtime.ask([row(deed, much)], BUDGET_US)().predictions)
    return found


def answers_again(runtime: IsolatedRuntime) -> None:
    wait_until(lambda: ask(runtime) == 0.5, PATIENCE_S, f"an answer: {ask(runtime)}")


def test_an_isolated_model_answers_as_any_other_and_keeps_what_it_writes_to_itself(
    load: Load, capfd: pytest.CaptureFixture[str]
) -> None:
    runtime = load()

    found = runtime.predict([row("nothing", 3), row("write"), row("raise"), row("nothing", 5)])

    assert said(found) == [1.5, 0.5, "the model failed: ZeroDivisionError: division by zero", 2.5]
    assert runtime.predict([]) == []
    assert runtime.ready
    assert runtime.pid not in {None, os.getpid()}
    assert [field.name for field in runtime.metadata().inputs] == ["deed", "much"]
    assert runtime.rss_bytes > 1 << 20
    assert "garbage" not in "".join(capfd.readouterr())

    pid = runtime.pid
    runtime.unload()
    assert pid is not None
    assert not is_running(pid)
    assert said(runtime.predict([row()])) == ["the model is not loaded"]


@pytest.mark.parametrize("deed", ["hang", "stop"])
def test_a_model_that_hangs_costs_one_budget_and_is_killed_and_started_again(load: Load, deed: str) -> None:
    runtime = load()
    hung = runtime.pid

    started = time.monotonic()
    assert ask(runtime, deed) == "the model did not answer within 200 ms"
    assert time.monotonic() - started < 0.2 + 0.3

    started = time.monotonic()
    assert "still at an earlier batch" in str(ask(runtime))
    assert time.monotonic() - started < 0.15
    wait_until(lambda: "0.3 s beyond its time and was killed" in str(ask(runtime)), PATIENCE_S, "killed")
    answers_again(runtime)
    assert hung is not None
    assert not is_running(hung)
    assert (runtime.record.restarts, runtime.trouble) == (1, "")


def test_a_model_that_is_slow_but_answers_within_the_grace_is_not_killed(load: Load) -> None:
    runtime = load(LIMITS._replace(grace_s=10.0))
    pid = runtime.pid

    assert ask(runtime, "sleep", 0.4) == "the model did not answer within 200 ms"
    assert "still at an earlier batch" in str(ask(runtime))
    answers_again(runtime)  # with its own outputs, not with those of the batch before

    assert ask(runtime, "nothing", 8.0) == 4.0
    assert (runtime.pid, runtime.record.restarts) == (pid, 0)


@pytest.mark.parametrize(
    ("deed", "much", "reason"),
    [
        ("crash", 1, "the worker process was ended by SIGSEGV"),
        ("exit", 3, "the worker process exited with code 3"),
        ("close", 1, "the worker process "),
    ],
)
def test_a_model_that_ends_its_process_loses_its_batch_and_is_started_again(
    load: Load, deed: str, much: float, reason: str
) -> None:
    runtime = load()
    pid = runtime.pid

    started = time.monotonic()
    found = said(runtime.ask([row(), row(deed, much)], BUDGET_US)().predictions)
    assert len(set(found)) == 1
    assert str(found[0]).startswith(reason)
    assert ask(runtime) == f"{found[0]}; there will be another one"
    assert time.monotonic() - started < 0.5
    assert runtime.ready

    answers_again(runtime)
    assert runtime.pid != pid


def test_a_worker_that_is_killed_from_outside_is_started_again_before_anybody_asks(load: Load) -> None:
    runtime = load()
    pid = runtime.pid
    assert pid is not None

    os.kill(pid, signal.SIGKILL)

    wait_until(lambda: runtime.record.restarts == 1 and runtime.pid not in {None, pid}, PATIENCE_S, "another")
    assert ask(runtime) == 0.5


def test_a_model_can_be_unloaded_while_another_worker_is_being_started(load: Load) -> None:
    runtime = load()
    before = set(psutil.Process().children())  # a broker that other tests share is among them

    ask(runtime, "crash")
    others = wait_until(lambda: set(psutil.Process().children()) - before, PATIENCE_S, "another")
    started = time.monotonic()
    runtime.unload()

    assert time.monotonic() - started < LIMITS.load_s / 2, "it waited for what it was about to end"
    wait_until(lambda: not any(is_running(child.pid) for child in others), PATIENCE_S, "it ended")


def test_a_model_that_leaks_is_replaced_between_batches_and_no_answer_is_missed(load: Load) -> None:
    runtime = load(LIMITS._replace(memory_mb=200, grace_s=10.0))
    first = runtime.pid

    assert said(runtime.predict([row("leak", 220)])) == [110.0]
    assert runtime.rss_bytes > 220 << 20
    answers = []
    while runtime.pid == first:
        answers += said(runtime.predict([row()]))
    answers += said(runtime.predict([row()] * 3))

    assert set(answers) == {0.5}
    assert len(answers) > 3
    assert runtime.rss_bytes < 200 << 20
    assert (runtime.record.restarts, runtime.trouble) == (0, "")
    assert first is not None
    assert is_within(lambda: not is_running(first), 3.0)


def test_a_model_that_leaps_over_its_memory_gets_an_error_and_stays_within_twice_of_it(load: Load) -> None:
    runtime = load(LIMITS._replace(memory_mb=200))

    assert str(ask(runtime, "leak", 2000)).startswith("the model failed: MemoryError")
    assert runtime.rss_bytes < 400 << 20


@pytest.mark.parametrize(
    ("at_load", "limits", "reason"),
    [
        ("crash", LIMITS, "the worker process was ended by SIGSEGV while it loaded the model"),
        ("hang", LIMITS._replace(load_s=2.0), "the model was not loaded within 2 s"),
        ("nothing", LIMITS._replace(memory_mb=20), "MB with the model loaded; allowed are 20 MB"),
        ("raise", LIMITS, "ZeroDivisionError"),
    ],
)
def test_a_model_that_cannot_be_loaded_is_refused_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_load: str, limits: WorkerLimits, reason: str
) -> None:
    install_odd(tmp_path, monkeypatch)

    with pytest.raises(WorkerError, match=reason):
        odd_runtime(tmp_path, limits, at_load)


PARENT = """
import sys, time
from pathlib import Path
from rendezvous_models.worker_keeper import WorkerLimits
from tests.support.odd_models import odd_runtime, row
runtime = odd_runtime(Path(sys.argv[1]), WorkerLimits())
print(runtime.pid, flush=True)
runtime.ask([row(sys.argv[2])], 60_000_000)()
time.sleep(60)
"""


@pytest.mark.parametrize("deed", ["hang", "nothing"])
def test_a_parent_that_is_killed_leaves_no_worker_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
) -> None:
    install_odd(tmp_path, monkeypatch)
    argv = [sys.executable, "-c", PARENT, str(tmp_path), deed]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert is_running(worker)
        parent.kill()

    assert is_within(lambda: not is_running(worker), 5.0)


class Serving:
    """Isolated models on one route, loaded and served as a container does."""

    names = ("bad@1", "worse@1", "good@1")

    def __init__(self, folder: Path, limits: WorkerLimits) -> None:
        self.view, self.shelf, self.clock = ControlView(), Shelf(self.names), SystemClock()
        state: Any = self.view.state
        models = [odd_model(name.removesuffix("@1")) for name in self.names]
        changes: list[Model | Route] = [*models, route(*self.names)]
        for change in changes:
            state = apply(state, control(f"add {change.name}", change), state.next_offset)
            assert isinstance(state, State)
        self.view.publish(state)
        self.loader = Loader(
            self.shelf,
            self.view,
            ArtifactStore(folder / "store"),
            lambda model: create_isolated(model, RuntimeOptions(), Place(Isolate.ASKED, limits)),
            clock=self.clock,
        )
        self.handler = ScoringHandler(self.shelf, self.view, clock=self.clock, service="model-container")
        self.number = 0

    def runtime(self, name: str) -> IsolatedRuntime:
        runtime = self.shelf.ready[name].runtime
        assert isinstance(runtime, IsolatedRuntime)
        return runtime

    def ask(self, budget_us: int = 2_000_000) -> dict[str, Score]:
        """The scores of one input by model."""
        now = self.clock.now()
        self.number += 1
        record = input_record(self.number, row(), at=now, budget_us=budget_us)
        scores = map(score, self.handler.on_records([record], now))
        return {each.model: each for each in scores}


def score(send: Send) -> Score:
    return Score.FromString(send.value or b"")


@pytest.fixture
def serving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serving]:
    install_odd(tmp_path, monkeypatch)
    serving = Serving(tmp_path, LIMITS)
    serving.loader.step()
    assert {course.phase for course in serving.loader.courses.values()} == {Phase.READY}
    yield serving
    for each in serving.shelf.ready.values():
        each.runtime.unload()


def test_one_model_hangs_and_comes_back_while_the_other_answers_every_input(serving: Serving) -> None:
    bad = serving.runtime("bad@1")
    assert bad.pid is not None
    os.kill(bad.pid, signal.SIGSTOP)

    scores = [serving.ask()]
    while not bad.record.restarts:
        scores.append(serving.ask())

    assert {each["good@1"].status for each in scores} == {OK}
    assert scores[0]["bad@1"].error == "the model did not answer within 1e+03 ms"
    wait_until(lambda: serving.ask()["bad@1"].status == OK, PATIENCE_S, "a score")


def test_models_that_hang_at_once_cost_one_wait_and_the_others_answer(serving: Serving) -> None:
    for name in ("bad@1", "worse@1"):
        pid = serving.runtime(name).pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

    scores = serving.ask(budget_us=4_000_000)

    # The second one would have half of what the first one leaves, were they waited for one after the other.
    asked_in_vain = {scores[name].error for name in ("bad@1", "worse@1")}
    assert asked_in_vain == {"the model did not answer within 2e+03 ms"}
    assert scores["good@1"].status == OK
    # What a model took is its own: it has not waited for those that hang.
    assert scores["good@1"].scored_us < 1_000_000 < scores["bad@1"].scored_us


def test_one_model_in_a_crash_loop_fails_while_the_other_answers_every_input(serving: Serving) -> None:
    bad, good = serving.runtime("bad@1"), serving.runtime("good@1")
    good_pid = good.pid

    while bad.ready:
        if pid := bad.pid:
            os.kill(pid, signal.SIGSEGV)
        scores = serving.ask()
        assert scores["good@1"].status == OK
        assert scores["bad@1"].status in {OK, FAILED, NOT_READY}

    scores = serving.ask()
    assert (scores["bad@1"].status, scores["good@1"].status) == (NOT_READY, OK)
    status = Status()
    report.describe(status, serving.view.state.models, serving.loader.courses, serving.shelf.ready)
    states = {each.model: (each.state, each.reason) for each in status.models}
    assert states["good@1"] == (ModelState.MODEL_STATE_READY, "")
    assert states["bad@1"] == (ModelState.MODEL_STATE_FAILED, bad.trouble)
    assert bad.trouble == (
        "the worker process was ended by SIGSEGV; it ended too often, and is tried again in 5 minutes"
    )
    assert report.waiting_for(serving.loader.courses, serving.shelf.ready) == f"bad@1: {bad.trouble}"
    assert (good.pid, good.record.restarts) == (good_pid, 0)


def test_the_memory_of_workers_and_their_restarts_are_shown(serving: Serving) -> None:
    registry = CollectorRegistry()
    ScoringMetrics(registry, serving.shelf, serving.handler.tally)
    bad = serving.runtime("bad@1")
    bad_pid = bad.pid
    assert bad_pid is not None
    os.kill(bad_pid, signal.SIGKILL)
    wait_until(lambda: bad.record.restarts, PATIENCE_S, "another worker")

    def shown(name: str, model: str) -> float | None:
        return registry.get_sample_value(f"rendezvous_scoring_{name}", {"model": model})

    assert (shown("worker_restarts_total", "bad@1"), shown("worker_restarts_total", "good@1")) == (1.0, 0.0)
    assert (shown("worker_rss_bytes", "good@1") or 0.0) > 1 << 20
    assert shown("model_ready", "bad@1") == 1.0
