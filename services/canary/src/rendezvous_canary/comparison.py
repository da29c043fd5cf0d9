"""
Compares every model's score with the canary's on the same request: pure, in bounded memory.

The scores of a request wait for each other for a bounded time, counted from the first; the oldest request
gives way when too many wait. Then it is closed: models that the revision names and that have not scored are
missing, and what comes after that is late. A closed request is remembered for a while, so that a repeated
score is not counted twice.
"""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from enum import Enum
from typing import NamedTuple

from rendezvous_contracts.values import Plain, from_fields
from rendezvous_runtime.families import OTHER
from scoring.v1.score_pb2 import Score, ScoreStatus

from rendezvous_canary.deltas import Deltas

_MAX_OUTPUTS = 100  # of one model on one route
_MOST_STRANGERS = 20


class Expected(NamedTuple):
    """Who scores under one revision: the canary, and the models that are compared with it."""

    canary: str
    models: frozenset[str]


class Fate(Enum):
    """What became of a score, or of one that did not come."""

    COMPARED = "compared"
    FAILED = "failed"  # the model's score has no outputs
    NO_CANARY = "no_canary"  # the canary's score did not come, or has no outputs
    MISSING = "missing"
    LATE = "late"
    DUPLICATE = "duplicate"
    UNEXPECTED = "unexpected"  # the revision does not name the model


class Pair(NamedTuple):
    """A model on a route."""

    route: str
    model: str


_Outputs = dict[str, Plain] | None  # None: the score has none


@dataclass
class _Open:
    """A request whose scores are not all there yet."""

    partition: int
    route: str
    expected: Expected
    until: int
    canary: _Outputs = None
    canary_seen: bool = False
    seen: set[str] = field(default_factory=set)
    waiting: dict[str, dict[str, Plain]] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        return self.canary_seen and self.seen >= self.expected.models


class Comparison:
    """
    Takes scores one by one; *deltas* by pair and output and *fates* by pair are what came of them.

    *expected* says who scores under a route's revision, None if that route has no canary here. At most
    *max_requests* wait, each for at most *max_age_us*. Times are monotonic, in microseconds.
    """

    def __init__(
        self, expected: Callable[[str, int], Expected | None], *, max_requests: int, max_age_us: int
    ) -> None:
        self._expected = expected
        self._max_requests = max_requests
        self._max_age_us = max_age_us
        self._open: OrderedDict[str, _Open] = OrderedDict()
        self._closed: OrderedDict[str, bool] = OrderedDict()  # whether all had come
        self.deltas: defaultdict[Pair, dict[str, Deltas]] = defaultdict(dict)
        self.fates: Counter[tuple[Pair, Fate]] = Counter()
        self._strangers: set[Pair] = set()

    @property
    def waiting(self) -> int:
        """How many requests wait for scores."""
        return len(self._open)

    def add(self, partition: int, score: Score, now: int) -> None:
        """Take in *score*, read from *partition* at *now*."""
        expected = self._expected(score.route, score.revision)
        if expected is None:
            return
        pair = Pair(score.route, score.model)
        if score.model != expected.canary and score.model not in expected.models:
            self._count(self._stranger(pair), Fate.UNEXPECTED)
        elif score.request_id in self._closed:
            complete = self._closed[score.request_id]
            self._count(pair, Fate.DUPLICATE if complete else Fate.LATE)
        else:
            self._add_open(self._request(partition, score, expected, now), pair, score)

    def expire(self, now: int) -> None:
        """Close the requests whose time is up."""
        while self._open and next(iter(self._open.values())).until <= now:
            self._close_oldest()

    def next_time(self) -> int | None:
        """Return when the next request's time is up; None if none waits."""
        return next(iter(self._open.values())).until if self._open else None

    def drop(self, partitions: Collection[int]) -> None:
        """Forget the requests of *partitions*, uncounted: another process compares them."""
        for name in [name for name, each in self._open.items() if each.partition in partitions]:
            del self._open[name]

    def _request(self, partition: int, score: Score, expected: Expected, now: int) -> _Open:
        request = self._open.get(score.request_id)
        if request is None:
            if len(self._open) >= self._max_requests:
                self._close_oldest()
            request = _Open(partition, score.route, expected, now + self._max_age_us)
            self._open[score.request_id] = request
        return request

    def _add_open(self, request: _Open, pair: Pair, score: Score) -> None:
        outputs = from_fields(score.outputs) if score.status == ScoreStatus.SCORE_STATUS_OK else None
        if score.model == request.expected.canary:
            self._add_canary(request, pair, outputs)
        elif score.model in request.seen:
            self._count(pair, Fate.DUPLICATE)
        else:
            self._add_model(request, pair, outputs)
        if request.complete:
            self._close(score.request_id)

    def _add_canary(self, request: _Open, pair: Pair, outputs: _Outputs) -> None:
        if request.canary_seen:
            self._count(pair, Fate.DUPLICATE)
            return
        request.canary_seen, request.canary = True, outputs
        if outputs is None:
            self._count(pair, Fate.FAILED)
        for model, theirs in request.waiting.items():
            self._compare(Pair(pair.route, model), theirs, outputs)
        request.waiting.clear()

    def _add_model(self, request: _Open, pair: Pair, outputs: _Outputs) -> None:
        request.seen.add(pair.model)
        if outputs is None:
            self._count(pair, Fate.FAILED)
        elif request.canary_seen:
            self._compare(pair, outputs, request.canary)
        else:
            request.waiting[pair.model] = outputs

    def _compare(self, pair: Pair, model: dict[str, Plain], canary: _Outputs) -> None:
        if canary is None:
            self._count(pair, Fate.NO_CANARY)
            return
        self._count(pair, Fate.COMPARED)
        known = self.deltas[pair]
        for name in {**canary, **model}:
            if name in known or len(known) < _MAX_OUTPUTS:
                known.setdefault(name, Deltas()).add(model.get(name), canary.get(name))

    def _close_oldest(self) -> None:
        self._close(next(iter(self._open)))

    def _close(self, name: str) -> None:
        request = self._open.pop(name)
        for model in request.waiting:
            self._count(Pair(request.route, model), Fate.NO_CANARY)
        absent = request.expected.models - request.seen
        if not request.canary_seen:
            absent |= {request.expected.canary}
        for model in absent:
            self._count(Pair(request.route, model), Fate.MISSING)
        self._closed[name] = not absent
        if len(self._closed) > self._max_requests:
            self._closed.popitem(last=False)

    def _stranger(self, pair: Pair) -> Pair:
        """Return the pair that *pair*, unexpected, counts as: anybody can write any name into the log."""
        if pair not in self._strangers and len(self._strangers) >= _MOST_STRANGERS:
            return Pair(pair.route, OTHER)
        self._strangers.add(pair)
        return pair

    def _count(self, pair: Pair, fate: Fate) -> None:
        self.fates[pair, fate] += 1
