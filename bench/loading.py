"""What a model in service feels of large ones that are loaded beside it."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

from rendezvous_contracts.topics import INPUTS, SCORES
from scoring.v1.control_pb2 import Model

from bench import containers, forest, records
from bench.chains import latencies, milliseconds, warm_up
from bench.containers import Kind
from bench.errors import BenchError
from bench.large_model_files import FILES
from bench.model_states import ModelStates
from bench.open_loop import TURN_WARM_UP_S, Arrival, OpenLoop, Pace
from bench.processes import Running
from bench.scale import Scale
from bench.stand import Stand
from bench.turns import Rounds, take_rounds

_START_S: Final = 120.0
_LOAD_S: Final = 600
_GONE_S: Final = 60.0
_HEAP_MB: Final = 6_000
_WAYS: Final[Mapping[str, Mapping[str, str]]] = {"": {}, "_in_process": {"RENDEZVOUS_ISOLATE": "never"}}


class Loading:
    """
    A container that serves a forest while a large model is loaded into it and removed again, over and over.

    Once as it is by default, and once in the container's own process. Each type is taken once, in rounds: a
    load takes from seconds to minutes.
    """

    def __init__(self, name: str, type_: str, share: float = 1.0) -> None:
        """Measure a model of *type_*, in this *share* of the rounds."""
        self._model = name
        self._type = type_
        self._share = share
        self.name = f"loading-{name}"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Make the large model."""
        containers.prepare(stand)
        folder = str(containers.model_folder())
        containers.run_to_end("bench.large_model_files", self._model, folder, str(scale.large_mb))

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Return the latencies in quiet and beside a load, and how far they move, both ways."""
        if not stand.once(self.name):
            return {}
        found: dict[str, float] = {}
        begin = f"loading.{self._model}"
        for way, env in _WAYS.items():
            models = self._versions(stand, scale)
            with _in_service(stand, models, env) as service:
                rounds = service.take(models, scale)
            found |= _figures(f"{begin}{way}", rounds)
            found[f"{begin}{way}_s"] = statistics.median(service.loads_s)
            found[f"{begin}_mb"] = models[0].artifact.size / (1 << 20)
        return found

    def _versions(self, stand: Stand, scale: Scale) -> list[Model]:
        """Return the model as so many versions as there are rounds, none of which was ever loaded."""
        kind = Kind(stand.unique(f"large_{self._model}"), self._type, FILES[self._model], 0)
        large = containers.described(kind)
        rounds = max(1, round(scale.rounds * self._share))
        return [_version(large, str(number)) for number in range(1, rounds + 1)]


class _Service:
    """A forest in service, beside which models come and go."""

    def __init__(self, stand: Stand, process: Running, loop: OpenLoop, states: ModelStates) -> None:
        self._stand = stand
        self._process = process
        self._loop = loop
        self._states = states
        self.loads_s: list[float] = []

    def take(self, models: Sequence[Model], scale: Scale) -> Rounds:
        """Return what inputs take while each of *models* is loaded, and in the quiet before and after."""
        warm_up(self._loop, scale)
        pace, coming = Pace(forest.PER_S, TURN_WARM_UP_S, scale.quiet_s), iter(models)
        return take_rounds(
            lambda: self._beside(next(coming)), lambda: _latencies(self._loop.run(pace)), len(models)
        )

    def _beside(self, model: Model) -> list[int]:
        """Return what inputs take from when *model* is published until it is loaded, and remove it."""
        self._loop.run(Pace(forest.PER_S, TURN_WARM_UP_S, 0.0))
        self._states.turn_to(records.id_of(model))
        self._stand.write(records.control(models=[model]))
        arrivals = self._loop.run(Pace(forest.PER_S, 0.0, _LOAD_S), self._states.is_loaded)
        if not self._states.is_loaded():
            raise BenchError(f"{records.id_of(model)} was not loaded within {_LOAD_S} s")
        self.loads_s.append((arrivals[-1].sent_at_us - arrivals[0].sent_at_us) / 1e6)
        self._stand.write([records.removal(model)])
        self._process.wait_until(self._states.is_gone, f"to let go of {records.id_of(model)}", _GONE_S)
        return _latencies(arrivals)


@contextmanager
def _in_service(stand: Stand, models: Sequence[Model], env: Mapping[str, str]) -> Iterator[_Service]:
    """Run a container that serves the forest, and may load *models* once they are published."""
    spec = containers.container(
        stand,
        RENDEZVOUS_MODEL=",".join([containers.model_id(forest.FOREST), *map(records.id_of, models)]),
        RENDEZVOUS_DRAIN_S="0",
        RENDEZVOUS_JVM_HEAP_MB=str(_HEAP_MB),
        RENDEZVOUS_WORKER_LOAD_S=str(_LOAD_S),
        **env,
    )
    with (
        stand.running(spec) as (process,),
        OpenLoop(stand, INPUTS, SCORES, forest.inputs()) as loop,
        ModelStates(process, containers.model_id(forest.FOREST)) as states,
    ):
        process.wait_until(states.is_loaded, "to load the forest", _START_S)
        loop.connect([process])
        yield _Service(stand, process, loop, states)


def _version(model: Model, version: str) -> Model:
    copy = Model()
    copy.CopyFrom(model)
    copy.version = version
    return copy


def _latencies(arrivals: Sequence[Arrival]) -> list[int]:
    """Return the latencies of *arrivals*; raises BenchError if one was not scored."""
    forest.scores(arrivals)
    return latencies(arrivals)


def _figures(begin: str, rounds: Rounds) -> dict[str, float]:
    loads, nothing = rounds.something, rounds.nothing
    return {
        **milliseconds(begin + "_quiet_{}_ms", loads.second),
        **milliseconds(begin + "_{}_ms", loads.first),
        **milliseconds(begin + "_{}_moved_ms", loads.moved),
        **milliseconds(begin + "_{}_moved_nothing_ms", nothing.moved),
        **milliseconds(begin + "_{}_moved_nothing_most_ms", nothing.moved_most, [99]),
    }


LOADING: Final = (
    Loading("pmml", "pmml", share=0.5),
    Loading("onnx", "onnx"),
    Loading("savedmodel", "tensorflow-savedmodel"),
)
