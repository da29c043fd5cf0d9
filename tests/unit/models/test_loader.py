import io
import threading
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from rendezvous_contracts.values import to_fields
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from rendezvous_models import report
from rendezvous_models.artifacts import ArtifactRules, ArtifactStore
from rendezvous_models.contract import Failure, ModelRuntime, Outputs, Row
from rendezvous_models.errors import BadModelError
from rendezvous_models.golden_recorded import with_recorded
from rendezvous_models.lifecycle import Phase
from rendezvous_models.loader import Loader
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.testing import VirtualClock
from scoring.v1.control_pb2 import Control, Golden, Model, RemoveModel
from scoring.v1.status_pb2 import ModelState, Status

from tests.support.control import control, model
from tests.support.models import ALCOHOL, FunctionRuntime, halved
from tests.support.polling import wait_until

NAME = "wine@1"
Create = Callable[[Model], ModelRuntime]


class _World:
    """A loader with its control log, driven step by step."""

    def __init__(self, folder: Path, create: Create | None = None) -> None:
        self.clock = VirtualClock()
        self.view = ControlView()
        self.shelf = Shelf((NAME,))
        self.made: list[ModelRuntime] = []
        self.create: Create = create or (lambda _: FunctionRuntime())
        self.store = ArtifactStore(folder / "private", ArtifactRules((folder,)))
        self.loader = Loader(
            self.shelf, self.view, self.store, self._create, clock=self.clock, drain_us=5_000_000
        )

    def _create(self, descriptor: Model) -> ModelRuntime:
        self.made.append(self.create(descriptor))
        return self.made[-1]

    def publish(self, change: Control) -> None:
        state = apply(self.view.state, change, self.view.state.next_offset)
        assert isinstance(state, State), state
        self.view.publish(state)

    def add(self, descriptor: Model, control_id: str = "add") -> None:
        self.publish(control(control_id, descriptor))

    def remove(self, control_id: str = "remove") -> None:
        message = Control(id=control_id, author="ada", at_us=1, reason="a test")
        message.remove_model.CopyFrom(RemoveModel(name="wine", version="1"))
        self.publish(message)

    def phase(self) -> Phase:
        return self.loader.courses[NAME].phase

    @property
    def reason(self) -> str:
        return self.loader.courses[NAME].reason

    def status(self) -> Status:
        status = Status()
        report.describe(status, self.view.state.models, self.loader.courses, self.shelf.ready)
        return status

    def waiting_for(self) -> str | None:
        return report.waiting_for(self.loader.courses, self.shelf.ready)


def test_an_unknown_model_is_waited_for_and_then_loaded(tmp_path: Path) -> None:
    world = _World(tmp_path)
    world.loader.step()
    assert world.waiting_for() == "wine@1: not in the control log"

    world.add(model("wine", "1"))
    world.loader.step()

    assert world.waiting_for() is None
    assert list(world.shelf.ready) == [NAME]
    (status,) = world.status().models
    assert (status.model, status.type, status.state) == (NAME, "pmml", ModelState.MODEL_STATE_READY)


def test_a_model_is_warm_before_it_serves(tmp_path: Path) -> None:
    runtime = FunctionRuntime()
    world = _World(tmp_path, lambda _: runtime)
    world.add(model("wine", "1"))

    world.loader.step()

    assert runtime.batches


def test_a_wrong_digest_fails_with_the_reason_and_is_not_tried_again(tmp_path: Path) -> None:
    world = _World(tmp_path)
    bad = model("wine", "1")
    (tmp_path / "m").write_bytes(b"other..")
    bad.artifact.location = str(tmp_path / "m")
    world.add(bad)

    for _ in range(3):
        world.loader.step()
        world.clock.advance(120_000_000)

    assert world.phase() is Phase.FAILED
    assert "sha256" in world.reason
    assert world.waiting_for() == f"wine@1: failed: {world.reason}"
    assert world.status().models[0].state == ModelState.MODEL_STATE_FAILED
    assert world.made == []


def test_a_file_that_comes_late_is_found_by_a_retry(tmp_path: Path) -> None:
    world = _World(tmp_path)
    descriptor = model("wine", "1")
    data = descriptor.artifact.data
    descriptor.artifact.location = str(tmp_path / "m")
    world.add(descriptor)
    world.loader.step()
    assert world.phase() is Phase.FAILED

    (tmp_path / "m").write_bytes(data)
    world.loader.step()
    assert world.phase() is Phase.FAILED
    world.clock.advance(1_000_000)
    world.loader.step()

    assert world.phase() is Phase.READY


class _Far(FunctionRuntime):
    """A model that another process serves."""

    def predict_within(self, rows: Sequence[Row], budget_us: int) -> list[Outputs | Failure]:
        assert budget_us
        return self.predict(rows)


def test_a_server_that_is_away_while_its_model_is_proved_costs_a_retry_and_no_more(tmp_path: Path) -> None:
    away = [True]
    world = _World(tmp_path, lambda _: _Far(lambda row: Failure("it is away") if away else halved(row)))
    descriptor = model("wine", "1")
    record = Golden(inputs=to_fields({"alcohol": 9.0}), outputs=to_fields({"quality": 4.5}))
    descriptor.golden.append(record)
    world.add(descriptor)
    world.loader.step()
    assert (world.phase(), world.reason) == (Phase.FAILED, "golden record 1: it is away")

    away.clear()
    world.clock.advance(1_000_000)
    world.loader.step()

    assert world.phase() is Phase.READY


def _refuses(_: Model) -> ModelRuntime:
    raise BadModelError("not a model")


def _raises(_: object) -> dict[str, float]:
    raise RuntimeError("out of cheese")


@pytest.mark.parametrize(
    ("create", "reason", "due"),
    [
        (_refuses, "not a model", False),
        (lambda _: FunctionRuntime(_raises), "RuntimeError: out of cheese", True),
    ],
)
def test_a_model_that_cannot_be_loaded_or_warmed_up_never_serves(
    tmp_path: Path, create: Create, reason: str, *, due: bool
) -> None:
    world = _World(tmp_path, create)
    world.add(model("wine", "1"))

    world.loader.step()

    assert (world.phase(), world.reason) == (Phase.FAILED, reason)
    assert (world.loader.courses[NAME].due is not None) == due
    assert not world.shelf.ready


def golden(alcohol: float, quality: float) -> Golden:
    return Golden(inputs=to_fields({"alcohol": alcohol}), outputs=to_fields({"quality": quality}))


def test_a_model_that_answers_its_golden_records_serves_and_says_how_fast_it_is(tmp_path: Path) -> None:
    world = _World(tmp_path)

    def slow(row: Row) -> Outputs | Failure:
        world.clock.advance(40)
        return halved(row)

    world.create = lambda _: FunctionRuntime(slow)
    checked = model("wine", "1")
    checked.golden.extend([golden(10.0, 5.0), golden(12.0, 6.0)])
    world.add(checked)

    world.loader.step()

    assert world.phase() is Phase.READY
    (status,) = world.status().models
    assert (status.gate_row_us, status.gate_batched_row_us) == (40, 40)


def test_a_model_that_answers_a_golden_record_otherwise_never_serves(tmp_path: Path) -> None:
    world = _World(tmp_path)
    checked = model("wine", "1")
    checked.golden.extend([golden(10.0, 5.0), golden(12.0, 6.1)])
    world.add(checked)

    for _ in range(2):
        world.loader.step()
        world.clock.advance(120_000_000)

    assert world.phase() is Phase.FAILED
    assert world.reason == "golden record 2: quality is number 6.0, expected number 6.1"
    assert not world.shelf.ready
    assert [runtime.ready for runtime in world.made] == [False]


class _Folder(FunctionRuntime):
    """A runtime whose artifact is an archive."""

    unpacks = True

    def load(self, artifact: Path) -> None:
        self.found = sorted(path.name for path in artifact.iterdir())


def test_a_runtime_that_unpacks_gets_the_folder_of_the_archive(tmp_path: Path) -> None:
    runtime = _Folder()
    world = _World(tmp_path, lambda _: runtime)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as container:
        container.writestr("wine/saved_model.pb", b"graph")
        container.writestr("wine/assets/words.txt", b"red")
    world.add(model("wine", "1", target.getvalue()))

    world.loader.step()

    assert world.phase() is Phase.READY
    assert runtime.found == ["assets", "saved_model.pb"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("golden.json", '[{"inputs": {"alcohol": 10.0}, "outputs": {"quality": 5.0}}]', ""),
        (
            "assets.extra/golden.yaml",
            "- {inputs: {alcohol: 10.0}, outputs: {quality: 6}}",
            "golden record 1: quality is number 5.0, expected integer 6",
        ),
        ("golden.json", "[{}]", "the model's own golden records cannot be read: golden.json:1: "),
        ("golden.json", "\xff", "the model's own golden records cannot be read: 'utf-8' codec"),
    ],
)
def test_golden_records_that_an_archive_brings_along_have_to_be_answered(
    tmp_path: Path, name: str, content: str, reason: str
) -> None:
    world = _World(tmp_path, lambda _: _Folder())
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as container:
        container.writestr("saved_model.pb", b"graph")
        container.writestr(name, content.encode("latin-1"))
    world.add(model("wine", "1", target.getvalue()))

    world.loader.step()

    assert world.phase() is (Phase.FAILED if reason else Phase.READY)
    assert world.reason.startswith(reason)
    assert world.loader.courses[NAME].due is None


def test_golden_records_of_the_document_count_before_those_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "golden.json").write_text('[{"inputs": {}, "outputs": {"quality": 1}}]')

    assert with_recorded(Model(golden=[golden(10.0, 5.0)]), tmp_path).golden == [golden(10.0, 5.0)]
    assert len(with_recorded(Model(), tmp_path).golden) == 1
    assert with_recorded(Model(name="a"), tmp_path / "none") == Model(name="a")


def test_an_archive_that_is_refused_fails_with_the_reason(tmp_path: Path) -> None:
    world = _World(tmp_path, lambda _: _Folder())
    world.add(model("wine", "1", b"<PMML/>"))

    world.loader.step()

    assert (world.phase(), world.reason) == (
        Phase.FAILED,
        "the archive is refused: it is not a tar, tar.gz or zip",
    )
    assert world.loader.courses[NAME].due is None


def test_a_replacement_that_fails_leaves_the_old_one_serving(tmp_path: Path) -> None:
    world = _World(tmp_path)
    world.add(model("wine", "1"))
    world.loader.step()
    before = world.shelf.ready[NAME]

    world.create = _refuses
    changed = model("wine", "1")
    changed.inputs.append(ALCOHOL)
    update = Control(id="update", author="ada", at_us=1, reason="a test")
    update.update_model.model.CopyFrom(changed)
    world.publish(update)
    world.loader.step()

    assert world.shelf.ready[NAME] is before
    assert before.runtime.ready
    assert world.reason == "not a model; the version loaded before goes on serving"
    assert world.waiting_for() is None


def test_a_replacement_is_swapped_in_and_the_old_one_unloaded(tmp_path: Path) -> None:
    world = _World(tmp_path)
    world.add(model("wine", "1"))
    world.loader.step()
    changed = model("wine", "1")
    changed.inputs.append(ALCOHOL)
    update = Control(id="update", author="ada", at_us=1, reason="a test")
    update.update_model.model.CopyFrom(changed)
    world.publish(update)

    world.loader.step()

    old, new = world.made
    assert world.shelf.ready[NAME].runtime is new
    assert (old.ready, new.ready) == (False, True)


def test_what_is_only_said_better_is_not_loaded_again(tmp_path: Path) -> None:
    world = _World(tmp_path)
    world.add(model("wine", "1"))
    world.loader.step()
    changed = model("wine", "1", quality=0.9)
    changed.description = "better said"
    update = Control(id="update", author="ada", at_us=1, reason="a test")
    update.update_model.model.CopyFrom(changed)
    world.publish(update)

    world.loader.step()

    assert len(world.made) == 1
    assert world.status().models[0].description == "better said"


def test_a_removed_model_scores_on_for_a_while_and_is_then_unloaded(tmp_path: Path) -> None:
    world = _World(tmp_path)
    world.add(model("wine", "1"))
    world.loader.step()
    world.remove()

    world.loader.step()
    assert (world.phase(), list(world.shelf.ready)) == (Phase.DRAINING, [NAME])
    world.clock.advance(4_999_999)
    world.loader.step()
    assert list(world.shelf.ready) == [NAME]
    world.clock.advance(1)
    world.loader.step()

    assert (world.phase(), dict(world.shelf.ready)) == (Phase.UNKNOWN, {})
    assert not world.made[0].ready


def test_a_model_is_not_unloaded_while_the_data_thread_reads_it(tmp_path: Path) -> None:
    world = _World(tmp_path)
    runtime = FunctionRuntime(halved)
    world.create = lambda _: runtime
    world.add(model("wine", "1"))
    world.loader.step()
    world.remove()
    world.loader.step()
    world.clock.advance(5_000_000)
    unloading = threading.Thread(target=world.loader.step)

    with world.shelf.open() as ready:
        unloading.start()
        wait_until(lambda: not world.shelf.ready, 5.0, "the model is off the shelf")
        assert ready[NAME].runtime.ready
    unloading.join(5.0)

    assert not runtime.ready


def test_the_thread_follows_the_log_and_stops(tmp_path: Path) -> None:
    world = _World(tmp_path)
    world.loader.start()
    world.add(model("wine", "1"))

    wait_until(lambda: world.shelf.ready, 5.0, "the model is loaded")

    assert world.loader.stop(5.0)
