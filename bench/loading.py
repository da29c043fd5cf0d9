"""What the models in service feel of a large one that is loaded beside them."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from rendezvous_contracts.topics import INPUTS, SCORES
from scoring.v1.control_pb2 import Model

from bench import containers, forest, records
from bench.containers import Kind
from bench.errors import BenchError
from bench.large_model_files import FILES
from bench.open_loop import Arrival, OpenLoop, Pace
from bench.processes import Running
from bench.results import quantile
from bench.scale import Scale
from bench.stand import Stand

_LOAD_S: Final = 600
_HEAP_MB: Final = 6_000
_MS: Final = 1_000


class _Beside(NamedTuple):
    """A large model: its name in figures, and its type."""

    name: str
    type: str

    @property
    def kind(self) -> Kind:
        return Kind(f"large_{self.name}", self.type, FILES[self.name], 0)


class Loading:
    """
    A container that serves a forest while a large model is loaded into it.

    Once as it is by default, and once in the container's own process. Each type is taken once: a load takes
    from seconds to minutes.
    """

    def __init__(self, name: str, type_: str) -> None:
        self._beside = _Beside(name, type_)
        self.name = f"loading-{name}"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Make the large model."""
        containers.prepare(stand)
        folder = str(containers.model_folder())
        containers.run_to_end("bench.large_model_files", self._beside.name, folder, str(scale.large_mb))

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Return the p99 before and during the load, both ways."""
        if not stand.once(self.name):
            return {}
        found: dict[str, float] = {}
        for way, env in (("", {}), ("_in_process", {"RENDEZVOUS_ISOLATE": "never"})):
            quiet, loading, load_s, size = self._beside_a_load(stand, scale, env)
            begin = f"loading.{self._beside.name}{way}"
            found |= {
                f"{begin}_quiet_p99_ms": _ms(quiet, 0.99),
                f"{begin}_p99_ms": _ms(loading, 0.99),
                f"{begin}_p99_moved_ms": _ms(loading, 0.99) - _ms(quiet, 0.99),
                f"{begin}_s": load_s,
                f"loading.{self._beside.name}_mb": size / (1 << 20),
            }
        return found

    def _beside_a_load(
        self, stand: Stand, scale: Scale, env: Mapping[str, str]
    ) -> tuple[list[Arrival], list[Arrival], float, int]:
        kind = self._beside.kind._replace(name=stand.unique(self._beside.kind.name))
        large = containers.described(kind)
        spec = containers.container(
            stand,
            RENDEZVOUS_MODEL=f"{containers.model_id(forest.FOREST)},{large.name}@{large.version}",
            RENDEZVOUS_JVM_HEAP_MB=str(_HEAP_MB),
            RENDEZVOUS_WORKER_LOAD_S=str(_LOAD_S),
            **env,
        )
        with stand.running(spec) as (process,), OpenLoop(stand, INPUTS, SCORES, forest.inputs()) as loop:
            loop.connect([process])
            quiet = loop.run(Pace(forest.PER_S, scale.warm_up_s, scale.latency_s))
            loading, load_s = _while_it_loads(stand, loop, process, large)
        return quiet, loading, load_s, large.artifact.size


def _while_it_loads(
    stand: Stand, loop: OpenLoop, process: Running, large: Model
) -> tuple[list[Arrival], float]:
    """Publish *large*; return what comes until it is ready, and for how long that is."""
    stand.write(records.control(models=[large]))
    arrivals, seconds = [], 0.0
    while process.spec.ready() is not None:  # it is not until all of its models are
        process.check()
        arrivals += loop.run(Pace(forest.PER_S, 0.0, 0.5))
        seconds += 0.5
        if seconds > _LOAD_S:
            raise BenchError(f"{large.name} was not loaded within {_LOAD_S} s; {process.spec.ready()}")
    return arrivals, seconds


def _ms(arrivals: Sequence[Arrival], share: float) -> float:
    return quantile([each.at_us - each.sent_at_us for each in arrivals], share) / _MS


LOADING: Final = (
    Loading("pmml", "pmml"),
    Loading("onnx", "onnx"),
    Loading("savedmodel", "tensorflow-savedmodel"),
)
