"""Many models in one container: who goes, who comes back, and that nothing is lost on the way."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_models import report
from rendezvous_models.artifacts import ArtifactStore
from rendezvous_models.lifecycle import Phase
from rendezvous_models.loader import Loader
from rendezvous_models.room import REST_US, Held, to_evict
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.testing import VirtualClock
from scoring.v1.control_pb2 import Control, Model, RemoveModel
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.status_pb2 import ModelState, Status

from tests.support.control import control, model, route
from tests.support.folding import folded
from tests.support.models import FunctionRuntime, input_record

NOW = 100 * REST_US


def held(*sizes_and_uses: tuple[int, int]) -> dict[str, Held]:
    """a, b, ...: of a size, used so many microseconds before now."""
    return {
        chr(ord("a") + place): Held(size, NOW - before, asked=True)
        for place, (size, before) in enumerate(sizes_and_uses)
    }


@pytest.mark.parametrize(
    ("models", "gone"),
    [
        ({}, []),
        (held((50, 0)), []),
        (held((50, REST_US), (30, 2 * REST_US)), ["b"]),
        (held((60, 2 * REST_US), (30, REST_US)), ["a"]),
        (held((45, REST_US), (45, 2 * REST_US)), ["b"]),
        (held((30, 0), (60, REST_US)), ["b"]),
        (held((90, 0)), None),
        (held((40, 0), (30, REST_US - 1), (30, REST_US)), None),
        ({"a": Held(90, NOW, asked=False)}, ["a"]),
    ],
)
def test_the_least_used_make_room_and_those_in_use_do_not(
    models: Mapping[str, Held], gone: list[str] | None
) -> None:
    assert to_evict(models, 50, 100, NOW) == gone


@given(
    st.dictionaries(
        st.text(max_size=3),
        st.builds(Held, st.integers(0, 50), st.integers(0, NOW), st.booleans()),
        max_size=8,
    ),
    st.integers(0, 50),
    st.integers(0, 200),
)
def test_what_stays_fits_and_no_more_goes_than_has_to(models: dict[str, Held], size: int, most: int) -> None:
    gone = to_evict(models, size, most, NOW)

    if gone is not None:
        staying = sum(each.size for name, each in models.items() if name not in gone)
        assert staying + size <= most
        assert not gone or staying + models[gone[-1]].size + size > most
        assert all(not models[name].asked or models[name].used_us + REST_US <= NOW for name in gone)


class World:
    """A loader of models a@1, b@1, ... of 40 bytes each, two of which fit."""

    def __init__(
        self, folder: Path, names: str, *, published: str = "", size: int = 40, most: int = 100
    ) -> None:
        self.clock = VirtualClock()
        self.view = ControlView()
        self.shelf = Shelf(tuple(f"{name}@1" for name in names))
        self.made: list[FunctionRuntime] = []
        self.loader = Loader(
            self.shelf, self.view, ArtifactStore(folder), self.create, clock=self.clock, loaded_max_bytes=most
        )
        for name in published or names:
            self.publish(model(name, "1", name.encode() * size))
        self.loader.step()

    def create(self, descriptor: Model) -> FunctionRuntime:
        runtime = FunctionRuntime()
        runtime.descriptor = descriptor
        self.made.append(runtime)
        return runtime

    def publish(self, descriptor: Model) -> None:
        self.fold(control(f"add {descriptor.name}", descriptor))

    def fold(self, message: Control) -> None:
        self.view.publish(folded(message, state=self.view.state))

    def score(self, *names: str) -> None:
        """As the data thread does for an input that names *names*, and one step of the loader."""
        with self.shelf.open() as ready:
            for name in names:
                if name in ready:
                    ready[name].usage.add(1, 0, 10)
                else:
                    self.shelf.ask(name)
        self.loader.step()

    def ready(self) -> str:
        return "".join(sorted(name[0] for name in self.shelf.ready))

    def phases(self) -> dict[str, Phase]:
        return {name: course.phase for name, course in self.loader.courses.items()}


def test_every_model_passes_its_gate_though_they_do_not_fit_together(tmp_path: Path) -> None:
    world = World(tmp_path, "abcd")

    assert world.ready() == "cd"
    assert len(world.made) == 4
    assert set(world.phases().values()) == {Phase.READY, Phase.IDLE}
    assert [runtime.loaded for runtime in world.made] == [False, False, True, True]
    assert report.waiting_for(world.loader.courses, world.shelf.ready) is None


def test_an_idle_model_is_said_to_be_ready_and_why_it_is_not_loaded(tmp_path: Path) -> None:
    world = World(tmp_path, "abc")
    status = Status()

    report.describe(status, world.view.state.models, world.loader.courses, world.shelf.ready)

    (idle,) = (each for each in status.models if each.model == "a@1")
    assert idle.state == ModelState.MODEL_STATE_READY
    assert idle.reason == Phase.IDLE.value


def test_an_input_brings_its_model_back_in_the_place_of_the_least_used(tmp_path: Path) -> None:
    world = World(tmp_path, "abc")
    world.score("c@1")
    world.clock.advance(REST_US)

    world.score("a@1")

    assert world.ready() == "ac"
    assert world.phases()["b@1"] is Phase.IDLE


def test_models_that_are_being_used_are_not_thrown_out_for_one_another(tmp_path: Path) -> None:
    world = World(tmp_path, "abc")
    for _ in range(20):
        world.score("b@1", "c@1", "a@1")
        world.clock.advance(1_000_000)

    assert world.ready() == "bc"
    assert len(world.made) == 3
    world.clock.advance(REST_US)
    world.score("a@1")
    assert "a" in world.ready()


def test_what_is_known_of_its_use_stays_with_a_model_that_comes_back(tmp_path: Path) -> None:
    world = World(tmp_path, "abc")
    world.score("b@1")
    world.clock.advance(REST_US)
    world.score("c@1", "a@1")
    assert world.ready() == "ac"
    world.clock.advance(REST_US)

    world.score("b@1")

    assert world.shelf.ready["b@1"].usage.count == 1


def test_a_model_that_never_fits_is_refused_with_the_setting(tmp_path: Path) -> None:
    world = World(tmp_path, "ab", size=101)

    course = world.loader.courses["a@1"]
    assert (course.phase, course.due) == (Phase.FAILED, None)
    assert "101 bytes; those of loaded models may have 100 together" in course.reason
    assert "loaded_max_bytes" in course.reason


def test_a_new_model_waits_while_all_others_are_in_use(tmp_path: Path) -> None:
    world = World(tmp_path, "abc", published="ab")
    world.score("a@1", "b@1")

    world.publish(model("c", "1", b"c" * 40))
    world.score("a@1", "b@1")
    course = world.loader.courses["c@1"]
    assert course.phase is Phase.FAILED
    assert "does not fit beside models in use" in course.reason

    world.clock.advance(REST_US)
    world.score()
    assert world.phases()["c@1"] is Phase.READY


def test_an_idle_model_that_is_removed_is_forgotten_and_its_name_can_come_back(tmp_path: Path) -> None:
    world = World(tmp_path, "abc")
    assert world.phases()["a@1"] is Phase.IDLE
    gone = Control(id="remove", author="ada", at_us=1, reason="a test")
    gone.remove_model.CopyFrom(RemoveModel(name="a", version="1"))

    world.fold(gone)
    world.score("a@1")

    assert world.phases()["a@1"] is Phase.UNKNOWN
    assert world.ready() == "bc"


def test_without_a_limit_all_are_loaded(tmp_path: Path) -> None:
    assert World(tmp_path, "abcdefgh", most=0).ready() == "abcdefgh"


def test_an_input_that_names_an_idle_model_goes_on_without_it_and_asks_for_it(tmp_path: Path) -> None:
    world = World(tmp_path, "abc")
    world.fold(control("route", route("a@1")))
    handler = ScoringHandler(world.shelf, world.view, clock=world.clock, service="model-container")
    now = world.clock.now()

    (send,) = handler.on_records([input_record(1, at=now)], now)
    assert Score.FromString(send.value or b"").status == ScoreStatus.SCORE_STATUS_NOT_READY
    world.loader.step()

    (send,) = handler.on_records([input_record(2, at=now)], now)
    assert Score.FromString(send.value or b"").status == ScoreStatus.SCORE_STATUS_OK
