"""The status page of a running system, in a real browser: what it shows, live, and to everybody."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, expect, sync_playwright
from rendezvous_contracts.topics import CONTROL
from scoring.v1.control_pb2 import RampRoute, Share

from tests.support.broker import produce
from tests.support.control import asked
from tests.support.polling import wait_until
from tests.support.stacks import CANARY, CHAMPION, RUNNER_UP, Running, end_offsets, running

pytestmark = [pytest.mark.kafka, pytest.mark.browser]

WIDE: ViewportSize = {"width": 1280, "height": 900}
NARROW: ViewportSize = {"width": 360, "height": 800}
PATIENCE_MS = 60_000
# WCAG 2.1, 1.4.3: 4.5 for text; all of the page's is held to it, large or not.
CONTRAST = 4.5
LOW_CONTRAST = Path(__file__).with_name("low_contrast.js").read_text()


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("stack")) as system, system.load("page", rate=20.0):
        yield system


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Without a sandbox of its own: tests run as root in a container.
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One look at the page; what went wrong meanwhile is in *problems*."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page = page
        self.origin = origin
        self.problems: list[str] = []
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self._asked(request.url))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.problems.append(message.text)

    def _asked(self, url: str) -> None:
        if not url.startswith((self.origin, "data:")):
            self.problems.append(f"asked {url}")

    def wait_until_complete(self) -> None:
        """Return once services, models and decisions are shown."""
        page = self.page
        page.get_by_role("row", name="rendezvous-0").get_by_text("ready", exact=True).wait_for()
        page.locator("#decisions summary").nth(3).wait_for()
        expect(page.get_by_role("row", name=CHAMPION)).to_contain_text("quality:", timeout=PATIENCE_MS)


@contextmanager
def visit(
    system: Running, browser: Browser, viewport: ViewportSize = WIDE, scheme: str = "light"
) -> Iterator[Visit]:
    """Open the page, and at the end require that nothing went wrong."""
    dark = scheme == "dark"
    context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light")
    made = Visit(context.new_page(), system.stack.url())
    made.page.goto(f"{made.origin}/status")
    yield made
    context.close()
    assert made.problems == []


def test_the_page_shows_routes_models_services_and_the_last_decisions(
    system: Running, browser: Browser
) -> None:
    with visit(system, browser) as made:
        made.wait_until_complete()
        page = made.page
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
    with visit(system, browser) as made:
        made.wait_until_complete()
        page = made.page
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
        expect(page.get_by_role("status")).to_contain_text("wine is at revision 2", timeout=PATIENCE_MS)
        offset = end_offsets(system.bootstrap, (CONTROL,))[CONTROL, 0]
        expect(page.get_by_role("row", name="decoy-0")).to_contain_text(
            f"{offset} applied", timeout=PATIENCE_MS
        )
        expect(page.get_by_role("article", name="wine")).to_contain_text(
            "Revision 2 is everywhere", timeout=PATIENCE_MS
        )
        assert page.evaluate("window.notLoadedAgain")
        assert page.evaluate("document.activeElement.closest('li').id") == name
        assert page.locator(f"#{name} details").get_attribute("open") is not None


def test_all_can_be_done_by_keyboard(system: Running, browser: Browser) -> None:
    with visit(system, browser) as made:
        made.wait_until_complete()
        page = made.page
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        page.reload()
        reached = []
        for _ in range(30):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.textContent"))
            if "Pause updates" in reached:
                break
        assert reached[:2] == ["Skip to the content", "Routes"]
        pause = page.get_by_role("button", name="Pause updates")
        expect(pause).to_be_focused()
        page.keyboard.press("Space")
        expect(pause).to_have_attribute("aria-pressed", "true")
        first, second = (page.evaluate("document.querySelector('#as-of time').dateTime") for _ in "ab")
        assert first == second
        page.keyboard.press("Space")
        wait_until(
            lambda: page.evaluate("document.querySelector('#as-of time').dateTime") != first, 60, "it goes on"
        )
        summary = page.locator("#decisions summary").first
        summary.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#decisions details[open]").first).to_contain_text("Which model")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("viewport", [WIDE, NARROW], ids=["wide", "narrow"])
def test_the_page_can_be_read_by_everybody(
    system: Running, browser: Browser, viewport: ViewportSize, scheme: str, tmp_path: Path
) -> None:
    with visit(system, browser, viewport, scheme) as made:
        made.wait_until_complete()
        page = made.page
        page.get_by_role("button", name="Pause updates").click()
        page.locator("#decisions summary").first.click()
        page.screenshot(path=tmp_path / "page.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
        assert page.evaluate(LOW_CONTRAST, CONTRAST) == []
        assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
        check_roles(page)


def check_roles(page: Page) -> None:
    """What assistive technology is told has a name each, and tables are tables also where rows are blocks."""
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    told = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in tree
        if not node.get("ignored") and "role" in node
    ]
    named = {
        "link",
        "button",
        "table",
        "columnheader",
        "rowheader",
        "image",
        "progressbar",
        "region",
        "article",
    }
    assert [each for each in told if each[0] in named and not each[1]] == []
    for role, name in (
        *(("main", ""), ("heading", "Rendezvous"), ("button", "Pause updates"), ("article", "wine")),
        *(("table", "Services"), ("columnheader", "Control log"), ("rowheader", "gateway-0")),
        *(("navigation", "Parts of the page"), ("status", ""), ("region", "Last decisions")),
    ):
        assert (role, name) in told


def test_the_browser_is_told_to_run_nothing_but_the_pages_own_script(
    system: Running, browser: Browser
) -> None:
    page = browser.new_page()
    response = page.goto(f"{system.stack.url()}/status")
    assert response is not None
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    ran = page.evaluate(
        "() => { const made = document.createElement('script'); made.textContent = 'window.ran = true';"
        " document.body.append(made); return window.ran === true; }"
    )
    assert ran is False
    page.close()
