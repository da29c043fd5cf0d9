"""How much is measured: numbers large enough to be steady, small enough to wait for."""

from dataclasses import dataclass
from typing import Final

PARTITIONS: Final = 4


@dataclass(frozen=True)
class Scale:
    """
    The sizes of one run.

    *repeats*: how often each figure is taken. *latency_s*: how long, in seconds, requests are sent at a
    steady pace, after *warm_up_s*, to a broker that was itself warmed up for *broker_warm_up_s*; what is
    compared takes *turns* of *turn_s* seconds.
    *evaluator_s*: how long, in seconds, an evaluator is asked in a bare loop; *large_mb*: the size
    of a model that is loaded beside others, in MB, in so many *rounds*, between quiet turns of *quiet_s*
    seconds. The others count what is written beforehand to be caught up with.
    """

    repeats: int
    join_requests: int
    faust_requests: int
    messages: int
    engine_requests: int
    mailboxes: int
    container_inputs: int
    evaluator_s: float
    large_mb: int
    broker_warm_up_s: float
    warm_up_s: float
    latency_s: float
    turns: int
    turn_s: float
    rounds: int
    quiet_s: float


FULL: Final = Scale(
    repeats=3,
    join_requests=400_000,
    faust_requests=12_000,
    messages=400_000,
    engine_requests=100_000,
    mailboxes=100_000,
    container_inputs=150_000,
    evaluator_s=2.0,
    large_mb=200,
    broker_warm_up_s=6.0,
    warm_up_s=2.0,
    latency_s=8.0,
    turns=8,
    turn_s=2.0,
    rounds=4,
    quiet_s=4.0,
)
# Shows that everything runs; its figures are no results.
QUICK: Final = Scale(
    repeats=1,
    join_requests=60_000,
    faust_requests=3_000,
    messages=60_000,
    engine_requests=20_000,
    mailboxes=20_000,
    container_inputs=40_000,
    evaluator_s=1.0,
    large_mb=24,
    broker_warm_up_s=2.0,
    warm_up_s=1.0,
    latency_s=2.0,
    turns=2,
    turn_s=1.0,
    rounds=2,
    quiet_s=1.0,
)
