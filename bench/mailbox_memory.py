"""
What an open mailbox takes, in a process of its own: python -m bench.mailbox_memory MAILBOXES.

Prints JSON: the growth of the process's resident memory for each request that is open with one score.
"""

import gc
import json
import sys
import time
from typing import Final

import psutil
from rendezvous_engine.mailbox import Place
from scoring.v1.input_pb2 import InputHead
from scoring.v1.score_pb2 import ScoreHead

from bench import records
from bench.engine_alone import Moment, new_engine
from bench.errors import BenchError
from bench.join import ROUTE, SLA_US

_LAST: Final = records.MODELS[-1].encode()


def main(count: int) -> None:
    """Measure once and print it."""
    engine = new_engine()
    now = Moment(time.monotonic_ns() // 1000, time.time_ns() // 1000)
    process = psutil.Process()
    gc.collect()
    before = process.memory_info().rss
    # Encoded here and now, so that what the engine keeps of them counts and the rest is gone again.
    for place, (_, key, asked, scores) in enumerate(records.questions(ROUTE, SLA_US, count)):
        engine.on_input(key, InputHead.FromString(asked), Place(place, 0), now)
        # Of a model that is not preferred: the request goes on waiting.
        scored = next(each for each in scores if _LAST in each)
        engine.on_score(key, ScoreHead.FromString(scored), scored, place, now)
        engine.take_effects()
    gc.collect()
    if engine.unanswered() != count:
        raise BenchError(f"{engine.unanswered()} requests wait, not {count}")
    print(json.dumps({"bytes": (process.memory_info().rss - before) / count}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
