"""A running system seen from outside: its status page in a real browser, and the trace of a request."""

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from rendezvous_contracts.topics import CONTROL
from scoring.v1.control_pb2 import RampRoute, Share

from tests.support.broker import produce
from tests.support.browser import PATIENCE_MS, chromium, visit
from tests.support.control import asked
from tests.support.otlp import Received, Receiver, receiving
from tests.support.polling import wait_until
from tests.support.stacks import CANARY, CHAMPION, RUNNER_UP, Running, end_offsets, running

pytestmark = [pytest.mark.kafka, pytest.mark.browser]

expect.set_options(timeout=PATIENCE_MS)


TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Running]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RENDEZVOUS_TRACES_ENDPOINT", receiver.endpoint)
        environment.setenv("RENDEZVOUS_TRACES_RATE", "0")
        with running(tmp_path_factory.mktemp("stack")) as system, system.load("page", rate=20.0):
            yield system


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def row(page: Page, part: str, name: str) -> Locator:
    """Return the row of *name* in the table of a *part* of the page."""
    return page.get_by_role("table", name=part, exact=True).get_by_role("row", name=name)


def wait_until_complete(page: Page) -> None:
    """Return once services, models and decisions are shown."""
    expect(row(page, "Services", "rendezvous-0")).to_contain_text("ready")
    expect(page.locator("#decisions summary")).to_have_count(10)
    expect(row(page, "Models", CHAMPION)).to_contain_text("quality:")


def test_the_page_shows_routes_models_services_and_the_last_decisions(
    system: Running, browser: Browser
) -> None:
    with visit(browser, system.stack.url()) as page:
        wait_until_complete(page)
        route = page.get_by_role("article", name="wine")
        expect(route.get_by_role("row", name="1 0ms")).to_contain_text(CHAMPION)
        expect(route).to_contain_text("SLA 200ms")
        expect(route).to_contain_text("everywhere: stamped on 4 of 4, deciding on 4 of 4 partitions")
        for name, role in ((CHAMPION, "champion"), (RUNNER_UP, "fallback"), (CANARY, "canary")):
            expect(row(page, "Models", name)).to_contain_text(f"wine: {role}")
        for service in ("gateway-0", "feature-extractor-0", "decoy-0", "operator-0"):
            expect(row(page, "Services", service)).to_contain_text(re.compile(r"[\d,]+ records"))
            expect(row(page, "Services", service)).to_contain_text("4 applied")
        # The champion says 0.5 and the canary 0.1 times the same.
        told = row(page, "Models", CHAMPION).inner_text()
        assert re.search(r"wine, quality: \d+(\.\d+)? \(\d+ requests\)", told), told
        first = page.locator("#decisions details").first
        first.locator("summary").click()
        expect(first).to_contain_text("What happened")
        expect(first).to_contain_text("Which rule")
        expect(first).to_contain_text(re.compile(r"Request page-\d+, revision 1, partition \d"))


def test_a_new_revision_is_shown_while_the_reader_keeps_the_place(system: Running, browser: Browser) -> None:
    with visit(browser, system.stack.url()) as page:
        wait_until_complete(page)
        page.evaluate("window.notLoadedAgain = true")
        page.locator("#decisions summary").first.click()
        name = page.evaluate("document.querySelector('#decisions details[open]').closest('li').id")
        shares = [Share(model=CHAMPION, share=9_000), Share(model=RUNNER_UP, share=1_000)]
        ramp = asked("ramp", RampRoute(name="wine", tier=1, shares=shares))
        produce(system.bootstrap, CONTROL, [ramp.SerializeToString()])
        shown = page.get_by_role("img", name=f"{CHAMPION} 90%, {RUNNER_UP} 10%")
        expect(shown).to_be_visible()
        offset = end_offsets(system.bootstrap, (CONTROL,))[CONTROL, 0]
        expect(row(page, "Services", "decoy-0")).to_contain_text(f"{offset} applied")
        expect(page.get_by_role("article", name="wine")).to_contain_text("Revision 2 is everywhere")
        assert page.evaluate("window.notLoadedAgain")
        assert page.evaluate("document.activeElement.closest('li').id") == name
        assert page.locator(f"#{name} details").get_attribute("open") is not None


def test_one_request_is_one_trace_from_the_gateway_to_its_decision(
    system: Running, receiver: Receiver
) -> None:
    ask(system, "not-traced", {})
    ask(system, "traced", {"traceparent": f"00-{TRACE}-{CALLER}-01"})
    scores = {f"score {name}" for name in (CHAMPION, RUNNER_UP, CANARY)}
    expected = {"ask wine", "extract", "decide", "close", *scores}

    def complete() -> list[Received]:
        spans = receiver.of(TRACE)
        return spans if {span.name for span in spans} == expected else []

    spans = wait_until(complete, 60, "all spans have come")
    assert {span.trace for span in receiver.spans} == {TRACE}, "nothing else is sampled"
    named = {span.name: span for span in spans}
    assert len(named) == len(spans)
    root, extract, decide, close = (named[name] for name in ("ask wine", "extract", "decide", "close"))
    assert root.parent == CALLER
    assert extract.parent == root.id
    assert {named[name].parent for name in scores} == {extract.id}
    assert decide.parent == extract.id
    assert close.parent == decide.id
    # Each score met its input once: before the answer, or after it.
    assert sorted(decide.links + close.links) == sorted(named[name].id for name in scores)
    assert {name: span.service for name, span in named.items() if name not in scores} == {
        "ask wine": "gateway",
        "extract": "feature-extractor",
        "decide": "rendezvous",
        "close": "rendezvous",
    }
    assert named[f"score {CANARY}"].service == "canary"
    assert root.attributes["rendezvous.source"] == decide.attributes["rendezvous.source"]
    assert root.start_ns <= decide.end_ns <= root.end_ns


def ask(system: Running, name: str, headers: dict[str, str]) -> None:
    asked = {"id": name, "fields": {"alcohol": 9.5}}
    url = f"{system.stack.url()}/v1/routes/wine/ask"
    httpx.post(url, json=asked, headers=headers, timeout=60).raise_for_status()
