"""What the models in service feel of a large one that is loaded beside them, and of micro-batching."""

import random
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from rendezvous_contracts.topics import INPUTS, SCORES
from scoring.v1.control_pb2 import Model
from scoring.v1.score_pb2 import Score, ScoreStatus

from bench import containers, records
from bench.containers import KINDS, Kind
from bench.errors import BenchError
from bench.large_model_files import FILES
from bench.open_loop import Arrival, OpenLoop, Pace
from bench.processes import Running
from bench.results import quantile
from bench.scale import Scale
from bench.stand import Stand

PER_S: Final = 200
_RELAYED: Final = "relayed-scores"
_SERVED: Final = KINDS[0]
_LOAD_S: Final = 600
_HEAP_MB: Final = 6_000
_MS: Final = 1_000


class LowLoad:
    """
    Inputs that come one by one to a container, beside a bare relay between the same topics.

    There is nothing to wait for, and so nothing is waited for: what a row waits in the container is told by
    its score.
    """

    name = "low-load"

    def prepare(self, stand: Stand, scale: Scale) -> None:  # noqa: ARG002 - as Case has it
        """Share the models."""
        containers.prepare(stand)
        stand.create(_RELAYED)

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Return how long an input takes through both, and how long it waits for its batch."""
        pace = Pace(PER_S, scale.warm_up_s, scale.latency_s)
        spec = containers.container(stand, _SERVED, RENDEZVOUS_MODEL=_named(_SERVED))
        with stand.running(spec) as (process,), _loop(stand, SCORES) as loop:
            process.wait_ready()
            loop.connect([process])
            ours = loop.run(pace)
        relay = stand.program("bench.references.relay", stand.unique("relay"), INPUTS, _RELAYED)
        with stand.running(relay) as (process,), _loop(stand, _RELAYED) as loop:
            loop.connect([process])
            bare = loop.run(pace)
        waited = [_score(each).waited_us for each in ours]
        return {
            "batching.p50_ms": _ms(ours, 0.5),
            "batching.p99_ms": _ms(ours, 0.99),
            "batching.bare_p50_ms": _ms(bare, 0.5),
            "batching.bare_p99_ms": _ms(bare, 0.99),
            "batching.waited_p50_ms": quantile(waited, 0.5) / _MS,
            "batching.waited_p99_ms": quantile(waited, 0.99) / _MS,
        }


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
            _SERVED,
            RENDEZVOUS_MODEL=f"{_named(_SERVED)},{large.name}@{large.version}",
            RENDEZVOUS_JVM_HEAP_MB=str(_HEAP_MB),
            RENDEZVOUS_WORKER_LOAD_S=str(_LOAD_S),
            **env,
        )
        with stand.running(spec) as (process,), _loop(stand, SCORES) as loop:
            loop.connect([process])
            quiet = loop.run(Pace(PER_S, scale.warm_up_s, scale.latency_s))
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
        arrivals += loop.run(Pace(PER_S, 0.0, 0.5))
        seconds += 0.5
        if seconds > _LOAD_S:
            raise BenchError(f"{large.name} was not loaded within {_LOAD_S} s; {process.spec.ready()}")
    return arrivals, seconds


def _loop(stand: Stand, target: str) -> OpenLoop:
    values = containers.features(random.Random(2))  # noqa: S311 - no secret
    return OpenLoop(stand, INPUTS, target, lambda named, due: containers.encoded_input(named, due, values))


def _named(kind: Kind) -> str:
    return f"{kind.name}@1"


def _score(arrival: Arrival) -> Score:
    score = Score.FromString(arrival.value)
    if score.status != ScoreStatus.SCORE_STATUS_OK:
        raise BenchError(f"an input was not scored: {score.error}")
    return score


def _ms(arrivals: Sequence[Arrival], share: float) -> float:
    return quantile([each.at_us - each.sent_at_us for each in arrivals], share) / _MS


LOADING: Final = (
    Loading("pmml", "pmml"),
    Loading("onnx", "onnx"),
    Loading("savedmodel", "tensorflow-savedmodel"),
)
