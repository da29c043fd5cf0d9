"""A scrape is rendered in pieces, and is the same as one that is rendered whole."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from rendezvous_runtime.exposition import expose

OPEN = "application/openmetrics-text;version=1.0.0"


def registry() -> CollectorRegistry:
    """Three families, one of them of more samples than a piece has."""
    found = CollectorRegistry()
    gauge = Gauge("rendezvous_many", "Many.", ["name"], registry=found)
    for number in range(180):
        gauge.labels(f"# {number}\n").set(number)
    Counter("rendezvous_some", "Some.", registry=found).inc(3)
    histogram = Histogram("rendezvous_seconds", "Seconds.", registry=found, buckets=(0.1, 1.0))
    histogram.observe(0.5, {"trace_id": "abc"})
    return found


def test_the_pieces_make_the_whole_but_for_when_counters_began() -> None:
    shown = registry()

    body, content_type = asyncio.run(expose(shown, ""))

    whole = [line for line in generate_latest(shown).splitlines() if b"_created" not in line]
    assert body.splitlines() == whole
    assert content_type.startswith("text/plain; version=0.0.4")


def test_open_metrics_is_well_formed_and_has_the_exemplars() -> None:
    body, content_type = asyncio.run(expose(registry(), OPEN))

    parsed = text_string_to_metric_families(body.decode())  # type: ignore[no-untyped-call]  # it has no types
    families = {each.name: each for each in parsed}

    assert content_type.startswith("application/openmetrics-text")
    assert len(families["rendezvous_many"].samples) == 180
    exemplars = [each.exemplar for each in families["rendezvous_seconds"].samples if each.exemplar]
    assert [each.labels for each in exemplars] == [{"trace_id": "abc"}]


def test_nothing_to_show_is_well_formed_too() -> None:
    body, _ = asyncio.run(expose(CollectorRegistry(), OPEN))
    assert body == b"# EOF\n"


def test_others_have_their_turn_between_two_pieces() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        counting = asyncio.create_task(count())
        await expose(registry(), "")
        counting.cancel()

    asyncio.run(scenario())
    assert turns >= 6
