"""A forest in service in a container: what it is sent at a low load, and what it says."""

import random
from collections.abc import Sequence
from functools import partial
from typing import Final

from scoring.v1.score_pb2 import Score, ScoreStatus

from bench import containers
from bench.errors import BenchError
from bench.open_loop import Arrival, Encode

FOREST: Final = containers.KINDS[0]
PER_S: Final = 200


def inputs() -> Encode:
    """Return what makes inputs, all of the same features."""
    return partial(containers.encoded_input, values=containers.features(random.Random(2)))  # noqa: S311 - no secret


def scores(arrivals: Sequence[Arrival]) -> list[Score]:
    """Return the scores that *arrivals* are; raises BenchError if one is none."""
    found = [Score.FromString(each.value) for each in arrivals]
    for score in found:
        if score.status != ScoreStatus.SCORE_STATUS_OK:
            raise BenchError(f"an input was not scored: {score.error}")
    return found
