"""How fast a topic grows, as its broker sees it."""

import time
from collections.abc import Sequence
from typing import Final, NamedTuple

from confluent_kafka import Consumer, TopicPartition
from rendezvous_runtime.offsets import REQUEST_S, ask_offsets

from bench.errors import BenchError
from bench.processes import Running
from bench.scale import PARTITIONS
from bench.stand import Stand

_LATEST: Final = -1
_LOOK_S: Final = 0.02
_START_S: Final = 60.0
# The part of a run that counts: without the start, and without the end when some partitions are dry.
_FROM: Final = 0.15
_TO: Final = 0.9
_FEWEST: Final = 5


class Sample(NamedTuple):
    """How many records each topic had at a moment (seconds), and the processor time used until then."""

    at: float
    counts: tuple[int, ...]
    cpu_s: float


class Rate(NamedTuple):
    """Records per second in the middle of a run, and microseconds of processor time for each."""

    per_s: float
    cpu_us: float


def watch(
    stand: Stand,
    process: Running,
    topics: Sequence[str],
    total: int,
    limit_s: float,
    *,
    start_s: float = _START_S,
) -> list[Sample]:
    """
    Return samples from the first record that *process* adds to *topics* until each has *total* more.

    Ends early *limit_s* seconds after the first; raises BenchError if there is none within *start_s* seconds.
    """
    client = Consumer({
        "bootstrap.servers": stand.bootstrap_servers, "group.id": "bench-watch", "log_level": 0
    })  # fmt: skip
    try:
        before = _ends(client, topics)
        process.wait_until(lambda: _ends(client, topics) != before, "to write something", start_s)
        samples: list[Sample] = []
        until = time.monotonic() + limit_s
        while time.monotonic() < until and (not samples or min(samples[-1].counts) < total):
            now, ends, cpu_s = time.monotonic(), _ends(client, topics), process.cpu_s()
            counts = tuple(end - start for end, start in zip(ends, before, strict=True))
            samples.append(Sample(now, counts, cpu_s))
            time.sleep(_LOOK_S)
        return samples
    finally:
        client.close()


def middle_rate(samples: Sequence[Sample], topic: int = 0) -> Rate:
    """Return how fast the topic of that place grew in the middle of *samples*."""
    final = samples[-1].counts[topic] if samples else 0
    middle = [each for each in samples if _FROM * final <= each.counts[topic] <= _TO * final]
    if len(middle) < _FEWEST:
        raise BenchError(
            f"{final} records came too fast or too slowly to measure: only {len(middle)} looks at the broker"
            " fall into the middle; measure more records"
        )
    first, last = middle[0], middle[-1]
    records = last.counts[topic] - first.counts[topic]
    if not records:
        raise BenchError(f"no record was written in the middle of a run of {final}")
    return Rate(records / (last.at - first.at), (last.cpu_s - first.cpu_s) * 1e6 / records)


def _ends(client: Consumer, topics: Sequence[str]) -> tuple[int, ...]:
    """Return the number of records that were ever written to each topic."""
    asked = [TopicPartition(topic, number, _LATEST) for topic in topics for number in range(PARTITIONS)]
    ends = dict.fromkeys(topics, 0)
    # It asks again where a topic is too new for its broker to know.
    for where, offset in ask_offsets(lambda: client.offsets_for_times(asked, timeout=REQUEST_S)).items():
        ends[where.topic] += offset
    return tuple(ends[topic] for topic in topics)
