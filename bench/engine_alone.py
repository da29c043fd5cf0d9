"""
The engine by itself, in a process of its own: python -m bench.engine_alone REQUESTS.

Prints JSON: requests per second and microseconds of processor time for each, from encoded inputs and scores
to encoded answers and decisions; parsing counts, reading and writing a log do not.
"""

import gc
import itertools
import json
import sys
import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from rendezvous_engine.engine import Engine
from rendezvous_engine.mailbox import Place
from rendezvous_engine.policy import FixedPolicies, compile_policy
from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreHead

from bench import records
from bench.errors import BenchError
from bench.join import ROUTE, SLA_US

# As many as the data plane hands over at once.
_BATCH: Final = 500
# As the service sets it: see rendezvous_runtime.shell.worker.
_COLLECT_AFTER: Final = (50_000, 20, 50)


class Moment(NamedTuple):
    """A moment, as the engine takes it."""

    mono: int
    wall: int


Question = tuple[int, bytes, bytes, list[bytes]]


def new_engine() -> Engine:
    """Return an engine that knows the route."""
    policy = compile_policy(records.route(ROUTE, SLA_US, *records.MODELS), records.REVISION)
    return Engine(FixedPolicies(policy))


def join(engine: Engine, batch: list[Question], offset: int) -> int:
    """Join a batch of questions as the service does; return how many were decided."""
    now = Moment(time.monotonic_ns() // 1000, time.time_ns() // 1000)
    for place, (_, key, asked, scores) in enumerate(batch, offset):
        engine.on_input(key, InputHead.FromString(asked), Place(place, 0), now)
        for scored in scores:
            engine.on_score(key, ScoreHead.FromString(scored), scored, place, now)
    engine.next_time()
    engine.low_water()
    effects = engine.take_effects()
    return len(effects.decided) if effects else 0


def settle() -> None:
    """Set garbage collection as the service does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)


def _batches(count: int) -> Iterator[list[Question]]:
    questions = records.questions(ROUTE, SLA_US, count)
    while batch := list(itertools.islice(questions, _BATCH)):
        yield batch


def main(count: int) -> None:
    """Measure once and print it."""
    batches = list(_batches(count))
    engine = new_engine()
    settle()
    started, cpu = time.perf_counter(), time.process_time()
    decided = sum(join(engine, batch, place * _BATCH) for place, batch in enumerate(batches))
    wall_s, cpu_s = time.perf_counter() - started, time.process_time() - cpu
    if decided != count:
        raise BenchError(f"the engine decided {decided} of {count} requests")
    print(json.dumps({"requests_per_s": count / wall_s, "cpu_us": cpu_s * 1e6 / count}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
