"""What an input takes through a container that is asked for little, and so what micro-batching costs it."""

from collections.abc import Mapping
from typing import Final

from rendezvous_contracts.topics import INPUTS, SCORES

from bench import containers, forest
from bench.chains import chain, latencies, milliseconds, warm_up
from bench.open_loop import Pace
from bench.scale import Scale
from bench.stand import Stand
from bench.turns import take_turns, typical

# The relay's own: a container reads whatever comes to `inputs`.
_RELAYED: Final = ("relayed-inputs", "relayed-scores")


class LowLoad:
    """
    Inputs that come one by one to a container, beside a bare relay between two topics of its own.

    There is nothing to wait for, and so nothing is waited for: what a row waits in the container is told by
    its score.
    """

    name = "low-load"

    def prepare(self, stand: Stand, scale: Scale) -> None:  # noqa: ARG002 - as Case has it
        """Share the models."""
        containers.prepare(stand)
        stand.create(*_RELAYED)

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Send inputs through both, in turns; return how long they take, and wait for their batch."""
        pace = Pace.of_turn(forest.PER_S, scale)
        container = containers.container(stand, forest.FOREST)
        relay = stand.program("bench.references.relay", stand.unique("relay"), *_RELAYED)
        waited: list[list[int]] = []
        with (
            chain(stand, [container], INPUTS, SCORES, forest.inputs()) as ours,
            chain(stand, [relay], *_RELAYED, forest.inputs()) as bare,
        ):

            def scored() -> list[int]:
                arrivals = ours.run(pace)
                waited.append([score.waited_us for score in forest.scores(arrivals)])
                return latencies(arrivals)

            for loop in (bare, ours):
                warm_up(loop, scale)
            turns = take_turns(scored, lambda: latencies(bare.run(pace)), scale.turns)
        return {
            **milliseconds("batching.{}_ms", turns.first),
            **milliseconds("batching.bare_{}_ms", turns.second),
            **milliseconds("batching.waited_{}_ms", lambda percent: typical(waited, percent)),
            "ratios.batching_p50": turns.ratio(50),
            "ratios.batching_p99": turns.ratio(99),
        }
