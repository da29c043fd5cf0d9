"""A scrape is rendered in pieces as it would be whole, and shown to all who ask within a second."""

import asyncio

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from rendezvous_runtime.exposition import FRESH_S, Page, expose

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


def test_what_was_rendered_is_shown_until_it_is_a_second_old() -> None:
    found, clock = CollectorRegistry(), [0.0]
    some = Counter("rendezvous_some", "Some.", registry=found)
    page = Page(found, lambda: clock[0])

    async def seen(at_s: float, accept: str = "") -> bytes:
        clock[0] = at_s
        return (await page.show(accept)).body.splitlines()[-1]

    async def scenario() -> list[bytes]:
        some.inc()
        first = await seen(10.0)
        some.inc()
        return [first, await seen(10.0 + 0.9 * FRESH_S), await seen(10.0 + FRESH_S)]

    assert asyncio.run(scenario()) == [b"rendezvous_some_total 1.0"] * 2 + [b"rendezvous_some_total 2.0"]


def test_who_asks_while_it_is_rendered_gets_the_same_and_each_the_form_that_it_asks_for() -> None:
    found = registry()

    async def scenario() -> list[tuple[bytes, str]]:
        page = Page(found)
        return await asyncio.gather(*(page.show(accept) for accept in ("", OPEN, "")))

    first, opened, again = asyncio.run(scenario())
    assert first is again
    assert first == asyncio.run(expose(found, ""))
    assert opened == asyncio.run(expose(found, OPEN))
