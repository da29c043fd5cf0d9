"""Four hops of the stream beside four bare ones, and how late the default answers leave."""

import itertools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

from rendezvous_contracts.topics import ANSWERS, REQUESTS
from rendezvous_local.process import ProcessSpec
from scoring.v1.answer_pb2 import Answer, Source

from bench import records
from bench.chains import chain, latencies, milliseconds, warm_up
from bench.errors import BenchError
from bench.open_loop import Arrival, OpenLoop, Pace
from bench.scale import Scale
from bench.stand import Stand, web_door
from bench.turns import percentile, take_turns

HOPS_PER_S: Final = 500
SILENT_PER_S: Final = 1_000
SILENT_SLA_US: Final = 50_000
_HOPS_SLA_US: Final = 5_000_000
_HOPS: Final = "bench-hops"
_SILENT: Final = "bench-silent"
_OVERLOADED: Final = "bench-overloaded"
_OVERLOADED_SLA_US: Final = 200_000
_ROW_US: Final = 4_000
_OVERLOAD: Final = 1.25
_MODEL: Final = records.MODELS[0]
_BARE: Final = tuple(f"bare-{hop}" for hop in range(4))


class _OnWarmBroker:
    """What the cases of latency share."""

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Write the control log, and warm the broker up."""
        _prepare(stand, scale)


class Hops(_OnWarmBroker):
    """requests, inputs, scores, answers: three processes between four topics, ours and bare relays."""

    name = "hops"

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Send requests through both, in turns."""
        pace = Pace.of_turn(HOPS_PER_S, scale)
        with _served(stand, _stream(stand), _HOPS) as ours, _relayed(stand) as bare:
            turns = take_turns(
                lambda: _answered(ours.run(pace)), lambda: latencies(bare.run(pace)), scale.turns
            )
        return {
            **milliseconds("hops.{}_ms", turns.first),
            **milliseconds("hops.bare_{}_ms", turns.second),
            "ratios.hops_p50": turns.ratio(50),
            "ratios.hops_p99": turns.ratio(99),
        }


class Scraping(_OnWarmBroker):
    """The chain of Hops, by itself and while each process of it is asked for metrics ten times a second."""

    name = "scraping"

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Send requests through the same processes, in turns without and with who asks."""
        pace = Pace.of_turn(HOPS_PER_S, scale)
        specs = _stream(stand)
        scraper = stand.program("bench.scraper", *map(web_door, specs))
        with _served(stand, specs, _HOPS) as loop, stand.running(scraper) as (asking,):

            def quiet() -> list[int]:
                with asking.suspended():
                    return _answered(loop.run(pace))

            turns = take_turns(lambda: _answered(loop.run(pace)), quiet, scale.turns)
            asking.check()
        return {
            **milliseconds("scraping.{}_ms", turns.first),
            **milliseconds("scraping.quiet_{}_ms", turns.second),
            "ratios.scraped_p50": turns.ratio(50),
            "ratios.scraped_p99": turns.ratio(99),
        }


class Overload(_OnWarmBroker):
    """A model that is asked a quarter more than it can score: how many requests it answers all the same."""

    name = "overload"

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Return the share of requests that the model answered; all others got the default."""
        stream = _extractor(stand), _model(stand, BENCH_ROW_US=str(_ROW_US)), _rendezvous(stand)
        pace = Pace.of(round(_OVERLOAD * 1_000_000 / _ROW_US), scale)
        with _served(stand, stream, _OVERLOADED) as loop:
            arrivals = loop.run(pace)
        sources = [Answer.FromString(arrival.value).source for arrival in arrivals]
        return {
            "overload.answered": sources.count(Source.SOURCE_MODEL) / len(sources),
            "overload.possible": 1 / _OVERLOAD,
        }


class Lateness(_OnWarmBroker):
    """Every request waits for models that say nothing, and gets its default at the deadline."""

    name = "lateness"

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Return how long after their deadlines answers were made, and how long after they arrived."""
        stream = _extractor(stand), _rendezvous(stand)
        with _served(stand, stream, _SILENT) as loop:
            arrivals = loop.run(Pace.of(SILENT_PER_S, scale))
        answers = [Answer.FromString(arrival.value) for arrival in arrivals]
        if any(answer.source != Source.SOURCE_DEFAULT for answer in answers):
            raise BenchError("an answer is not the default, though no model runs")
        left = [answer.answered_at_us - answer.deadline_us for answer in answers]
        came = [arrival.at_us - answer.deadline_us for arrival, answer in zip(arrivals, answers, strict=True)]
        return {
            **milliseconds("default_lateness_ms.{}", partial(percentile, left), (50, 99, 100)),
            **milliseconds("default_arrival_ms.{}", partial(percentile, came), (50, 99, 100)),
        }


def _prepare(stand: Stand, scale: Scale) -> None:
    """
    Do once for both what both need.

    What either chain asks of the broker later is warmed up.
    """
    if not stand.once("latency"):
        return
    stand.write(
        records.control(
            records.route(_HOPS, _HOPS_SLA_US, _MODEL),
            records.route(_SILENT, SILENT_SLA_US, *records.MODELS),
            records.route(_OVERLOADED, _OVERLOADED_SLA_US, _MODEL),
            models=records.constant_models(),
        )
    )
    stand.create(*_BARE)
    for chained in (_relayed(stand), _served(stand, _stream(stand), _HOPS)):
        with chained as loop:
            warm_up(loop, scale)


def _stream(stand: Stand) -> list[ProcessSpec]:
    return [_extractor(stand), _model(stand), _rendezvous(stand)]


def _served(stand: Stand, specs: Sequence[ProcessSpec], route: str) -> AbstractContextManager[OpenLoop]:
    """Run *specs* for requests on *route*."""
    return chain(stand, specs, REQUESTS, ANSWERS, partial(records.ask, route))


def _relayed(stand: Stand) -> AbstractContextManager[OpenLoop]:
    return chain(stand, _relays(stand), _BARE[0], _BARE[-1], partial(records.ask, _HOPS))


def _relays(stand: Stand) -> list[ProcessSpec]:
    return [
        stand.program("bench.references.relay", stand.unique("relay"), source, target)
        for source, target in itertools.pairwise(_BARE)
    ]


def _extractor(stand: Stand) -> ProcessSpec:
    return stand.service("feature-extractor", "rendezvous_feature_extractor")


def _model(stand: Stand, **env: str) -> ProcessSpec:
    return stand.service("model-container", "bench.constant_model", RENDEZVOUS_MODEL=_MODEL, **env)


def _rendezvous(stand: Stand) -> ProcessSpec:
    return stand.service("rendezvous", "rendezvous_service")


def _answered(arrivals: Sequence[Arrival]) -> list[int]:
    """Return the latencies of *arrivals*; raises BenchError if one is not its model's answer."""
    for arrival in arrivals:
        if Answer.FromString(arrival.value).source != Source.SOURCE_MODEL:
            raise BenchError(f"a request was not answered by its model within {_HOPS_SLA_US} us")
    return latencies(arrivals)
