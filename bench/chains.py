"""Processes between two topics, through which requests are sent at a steady pace."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from rendezvous_local.process import ProcessSpec

from bench.open_loop import Arrival, Encode, OpenLoop, Pace
from bench.scale import Scale
from bench.stand import Stand

_WARM_UP_PER_S: Final = 2_000


@contextmanager
def chain(
    stand: Stand, specs: Sequence[ProcessSpec], source: str, target: str, encode: Encode
) -> Iterator[OpenLoop]:
    """Run *specs*; what is sent from *source* on to *target*, once all of it works. None of them may end."""
    with stand.running(*specs) as processes, OpenLoop(stand, source, target, encode) as loop:
        for process in processes:
            process.wait_ready()
        loop.connect(processes)
        yield loop
        for process in processes:
            process.check()


def warm_up(loop: OpenLoop, scale: Scale) -> None:
    """
    Send what does not count.

    A new broker interprets its own code at first, and is many times slower for it: what it is asked for later
    is done often enough that it gets compiled.
    """
    loop.run(Pace(_WARM_UP_PER_S, scale.broker_warm_up_s, 0.1))


def latencies(arrivals: Sequence[Arrival]) -> list[int]:
    """Return how long each of *arrivals* took, in microseconds."""
    return [each.at_us - each.sent_at_us for each in arrivals]


def milliseconds(
    form: str, us: Callable[[int], float], percents: Sequence[int] = (50, 99)
) -> dict[str, float]:
    """Return quantiles, which *us* has by percent, in ms, each named by *form*; the hundredth is max."""
    named = {form.format("max" if each == 100 else f"p{each}"): each for each in percents}
    return {name: us(each) / 1000 for name, each in named.items()}
