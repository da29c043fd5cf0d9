"""Many models in one process, more than fit: real PMML, one JVM."""

from pathlib import Path

import psutil
from rendezvous_models.artifacts import ArtifactStore
from rendezvous_models.contract import RuntimeOptions, create_runtime
from rendezvous_models.lifecycle import Phase
from rendezvous_models.loader import Loader
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.control_view import ControlView
from scoring.v1.control_pb2 import Model

from tests.support.control import model
from tests.support.folding import published
from tests.support.pmml import forest, regression

MODELS = 200
OPTIONS = RuntimeOptions(jvm_heap_mb=128)


def document(number: int) -> bytes:
    return regression({"alcohol": 0.5}, float(number))


def test_of_200_models_a_tenth_is_loaded_and_each_comes_back_when_it_is_asked_for(tmp_path: Path) -> None:
    names = [f"m{number}@1" for number in range(MODELS)]
    view, shelf = ControlView(), Shelf(tuple(names))
    view.publish(published(*(model(f"m{number}", "1", document(number)) for number in range(MODELS))))
    most = 20 * len(document(100))
    loader = Loader(
        shelf,
        view,
        ArtifactStore(tmp_path),
        lambda descriptor: create_runtime(descriptor, OPTIONS),
        clock=SystemClock(),
        loaded_max_bytes=most,
    )

    loader.step()
    assert {course.phase for course in loader.courses.values()} == {Phase.READY, Phase.IDLE}
    assert 18 <= len(shelf.ready) <= 21

    for number in (7, 170, 0, 99, 31):
        shelf.ask(names[number])
        loader.step()
        (outputs,) = shelf.ready[names[number]].runtime.predict([{"alcohol": 10.0}])
        assert outputs == {"quality": 5.0 + number}
    assert sum(each.runtime.descriptor.artifact.size for each in shelf.ready.values()) <= most


def test_a_model_that_is_loaded_and_unloaded_500_times_leaves_no_memory_behind(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(forest(["a", "b"], trees=10, depth=5))

    def cycle() -> None:
        runtime = create_runtime(Model(type="pmml"), OPTIONS)
        runtime.load(path)
        runtime.predict([{"a": 0.5, "b": 0.5}])
        runtime.unload()

    def held_mb() -> float:
        return float(psutil.Process().memory_info().rss) / (1 << 20)

    for _ in range(200):
        cycle()
    before_mb = held_mb()
    for _ in range(300):
        cycle()
    assert held_mb() < before_mb + 16
