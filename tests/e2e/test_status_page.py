"""The status page of a running system, in a real browser: what it shows, and how it moves."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect
from rendezvous_contracts.topics import CONTROL
from scoring.v1.control_pb2 import RampRoute, Share

from tests.support.broker import produce
from tests.support.browser import PATIENCE_MS, chromium, visit
from tests.support.control import asked
from tests.support.stacks import CANARY, CHAMPION, RUNNER_UP, Running, end_offsets, running

pytestmark = [pytest.mark.kafka, pytest.mark.browser]

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("stack")) as system, system.load("page", rate=20.0):
        yield system


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def wait_until_complete(page: Page) -> None:
    """Return once services, models and decisions are shown."""
    expect(page.get_by_role("row", name="rendezvous-0")).to_contain_text("ready")
    expect(page.locator("#decisions summary")).to_have_count(10)
    expect(page.get_by_role("row", name=CHAMPION)).to_contain_text("quality:")


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
            expect(page.get_by_role("row", name=name)).to_contain_text(f"wine: {role}")
        for service in ("gateway-0", "feature-extractor-0", "decoy-0", "operator-0"):
            expect(page.get_by_role("row", name=service)).to_contain_text(re.compile(r"[\d,]+ records"))
            expect(page.get_by_role("row", name=service)).to_contain_text("4 applied")
        # The champion says 0.5 and the canary 0.1 times the same.
        told = page.get_by_role("row", name=CHAMPION).inner_text()
        assert re.search(r"wine, quality: \d+(\.\d+)? \(\d+ requests\)", told), told
        first = page.locator("#decisions details").first
        first.locator("summary").click()
        expect(first).to_contain_text("What happened")
        expect(first).to_contain_text("Which rule")
        expect(first).to_contain_text(re.compile(r"Request page-\d+, revision 1, partition \d"))


def test_a_new_revision_is_shown_and_read_out_while_the_reader_keeps_the_place(
    system: Running, browser: Browser
) -> None:
    with visit(browser, system.stack.url()) as page:
        wait_until_complete(page)
        page.evaluate("window.notLoadedAgain = true")
        summary = page.locator("#decisions summary").nth(1)
        name = page.locator("#decisions > ol > li").nth(1).get_attribute("id")
        summary.focus()
        page.keyboard.press("Enter")
        shares = [Share(model=CHAMPION, share=9_000), Share(model=RUNNER_UP, share=1_000)]
        ramp = asked("ramp", RampRoute(name="wine", tier=1, shares=shares))
        produce(system.bootstrap, CONTROL, [ramp.SerializeToString()])
        shown = page.get_by_role("img", name=f"{CHAMPION} 90%, {RUNNER_UP} 10%")
        expect(shown).to_be_visible(timeout=PATIENCE_MS)
        expect(page.get_by_role("status")).to_contain_text("wine is at revision 2")
        offset = end_offsets(system.bootstrap, (CONTROL,))[CONTROL, 0]
        expect(page.get_by_role("row", name="decoy-0")).to_contain_text(f"{offset} applied")
        expect(page.get_by_role("article", name="wine")).to_contain_text("Revision 2 is everywhere")
        assert page.evaluate("window.notLoadedAgain")
        assert page.evaluate("document.activeElement.closest('li').id") == name
        assert page.locator(f"#{name} details").get_attribute("open") is not None
