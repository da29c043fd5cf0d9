"""The status page in a real browser, of a state and of records that a test writes: for every reader."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import pytest
from aiohttp import web
from playwright.sync_api import Browser, Page, expect
from rendezvous_contracts.values import to_fields
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from rendezvous_gateway.screen.endpoints import StatusPage
from rendezvous_gateway.screen.seen import Seen
from rendezvous_gateway.screen.watcher import Watcher
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.control_view import ControlView
from scoring.v1.answer_pb2 import Answer, Arrival, Source
from scoring.v1.control_pb2 import AddModel, PauseRoute, RampRoute, SetRoute, Share, StartRollout
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.status_pb2 import (
    DeploymentState,
    DeploymentStatus,
    ModelState,
    ModelStatus,
    Passed,
    Refusal,
    Status,
    Usage,
)

from tests.support.browser import NARROW, PATIENCE_MS, WIDE, chromium, visit
from tests.support.control import asked, model, route
from tests.support.polling import wait_until

pytestmark = pytest.mark.browser

expect.set_options(timeout=PATIENCE_MS)

# WCAG 2.1, 1.4.3: 4.5 for text; all of the page's is held to it, large or not.
CONTRAST = 4.5
LOW_CONTRAST = (Path(__file__).parents[1] / "support/low_contrast.js").read_text()
OK = ScoreStatus.SCORE_STATUS_OK
_DECISIONS = 12
NAMES = ("forest", "mlp", "linear")
CHANGES = (
    *(AddModel(model=model(name, "1")) for name in NAMES),
    SetRoute(route=route("forest@1", "mlp@1", canary="linear@1")),
    RampRoute(
        name="wine", tier=1, shares=[Share(model="forest@1", share=9_000), Share(model="mlp@1", share=1_000)]
    ),
    SetRoute(route=route("forest@1", name="cider")),
    StartRollout(route="cider", to="mlp@1", steps=[100, 1_000, 10_000], every_us=60_000_000),
    PauseRoute(name="wine"),
)
STATES = (
    ModelState.MODEL_STATE_READY,
    ModelState.MODEL_STATE_FAILED,
    ModelState.MODEL_STATE_LOADING,
    ModelState.MODEL_STATE_DRAINING,
)


class World:
    """What the page is about: a control state, and a Source of what the services say."""

    def __init__(self) -> None:
        self.control = ControlView(State())
        self._asked = 0
        for change in CHANGES:
            self.change(change)
        self.offset = 0

    def change(self, change: object) -> None:
        """Fold *change*, as the control log would bring it."""
        message = asked(f"c{self._asked}", change)  # type: ignore[arg-type]  # as the test says
        state = apply(self.control.state, message, self._asked)
        assert isinstance(state, State), state
        self._asked += 1
        self.control.publish(state)

    def connect(self, seen: Seen) -> "World":
        self.seen = seen
        return self

    def look(self, now_ms: int) -> None:
        """Have every kind of service say how it is; decide a few requests, and then no more."""
        for status in self._statuses():
            self.seen.hear(None, status.SerializeToString(), now_ms * 1_000)
        for who in ("forest@1", "mlp@1", "") if self.offset < _DECISIONS else ():
            self.seen.decide(0, self.offset, self._decision(who, now_ms * 1_000 + self.offset))
            self.offset += 1

    def close(self) -> None: ...

    def _statuses(self) -> Iterator[Status]:
        offset = self.control.state.next_offset
        usage = Usage(count=1_000, failed=3, p50_us=450, p99_us=12_700)
        models = [
            ModelStatus(
                model="forest@1", state=state, usage=usage, reason="some reason" if state != STATES[0] else ""
            )
            for state in STATES
        ]
        passed = [Passed(route="wine", partition=place, revision=2 - place) for place in range(2)]
        refusals = [Refusal(offset=3, reason="a stale revision")]
        deployments = [
            DeploymentStatus(
                deployment=name.lower(), state=number, wanted=2, running=1, ready=1, reason="a reason"
            )
            for name, number in DeploymentState.items()
        ]
        yield Status(instance="gateway-0", service="gateway", ready=True, control_offset=offset)
        yield Status(
            instance="rendezvous-0",
            service="rendezvous",
            ready=True,
            control_offset=1,
            passed=passed,
            refusals=refusals,
        )
        yield Status(instance="box-0", service="model-container", detail="loading forest@1", models=models)
        yield Status(instance="operator-0", service="operator", stopping=True, deployments=deployments)
        yield Status(
            instance="operator-1", service="operator", ready=True, deployments=deployments, lag_records=12
        )

    def _decision(self, who: str, at_us: int) -> bytes:
        arrivals = [Arrival(model=each, status=OK, after_us=5_000) for each in ("forest@1", "linear@1")]
        answer = Answer(
            id=f"request-{self.offset}",
            route="wine",
            revision=2,
            source=Source.SOURCE_MODEL if who else Source.SOURCE_DEFAULT,
            model=who,
            tier=1,
            rule=f"use {who}",
            reason="the deadline passed after 50ms",
            outputs=to_fields({"quality": 6.25}),
            sent_at_us=at_us,
            deadline_us=at_us + 50_000,
            answered_at_us=at_us + 10_000,
            arrivals=arrivals,
        )
        scores = [
            Score(model=each.model, status=OK, outputs=to_fields({"quality": 6.0 - place}))
            for place, each in enumerate(arrivals)
        ]
        return Decision(
            answer=answer, scores=scores, arrivals=arrivals, missing=["mlp@1"], closed_at_us=at_us + 90_000
        ).SerializeToString()


@contextmanager
def serving(world: World) -> Iterator[str]:
    """Serve the page of *world* until the block ends; yield where."""
    clock = SystemClock()
    page = StatusPage(world.control, Watcher(world.connect, clock), clock)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(web.Application(), access_log=None)
    runner.app.add_routes(page.endpoints())
    runner.app.on_shutdown.append(page.close)

    async def start() -> None:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()

    thread = threading.Thread(target=loop.run_forever, name="page")
    thread.start()
    asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(30)
        asyncio.run_coroutine_threadsafe(loop.shutdown_default_executor(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def origin(world: World) -> Iterator[str]:
    with serving(world) as origin:
        yield origin


def wait_until_complete(page: Page) -> None:
    expect(page.get_by_role("row", name="rendezvous-0")).to_contain_text("ready")
    expect(page.get_by_text(f"Request request-{_DECISIONS - 1},")).to_have_count(1)


def time_shown(page: Page) -> str:
    return str(page.evaluate("document.querySelector('#as-of time').dateTime"))


def test_the_page_can_be_read_by_everybody(origin: str, browser: Browser, tmp_path: Path) -> None:
    for scheme, viewport in product(("light", "dark"), (WIDE, NARROW)):
        with visit(browser, origin, viewport, scheme) as page:
            wait_until_complete(page)
            page.get_by_role("button", name="Pause updates").click()
            page.locator("#decisions summary").first.click()
            page.screenshot(path=tmp_path / f"{scheme}-{viewport['width']}.png", full_page=True)
            assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
            assert page.evaluate(LOW_CONTRAST, CONTRAST) == []
            assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == (scheme == "dark")
            check_roles(page)


def check_roles(page: Page) -> None:
    """What assistive technology is told has a name, and tables are tables also where rows are blocks."""
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
        *(("progressbar", "Roll-out of mlp@1"), ("image", "forest@1 90%, mlp@1 10%")),
    ):
        assert (role, name) in told, told


def test_a_change_is_shown_and_read_out_while_the_reader_keeps_the_place(
    world: World, origin: str, browser: Browser
) -> None:
    with visit(browser, origin) as page:
        wait_until_complete(page)
        page.evaluate("window.notLoadedAgain = true")
        place = page.locator("#decisions > ol > li").nth(1)
        name = place.get_attribute("id")
        place.locator("summary").focus()
        page.keyboard.press("Enter")
        world.change(SetRoute(route=route("mlp@1", name="perry")))
        expect(page.get_by_role("article", name="perry")).to_be_visible()
        world.change(SetRoute(route=route("forest@1", name="perry")))
        expect(page.get_by_role("status")).to_contain_text("Route perry is at revision 2")
        assert page.evaluate("window.notLoadedAgain")
        assert page.evaluate("document.activeElement.closest('li').id") == name
        expect(page.locator(f"#{name} details")).to_have_attribute("open", "")
        expect(page.locator(f"#{name}")).to_contain_text("Which model")


def test_all_can_be_done_by_keyboard(origin: str, browser: Browser) -> None:
    with visit(browser, origin) as page:
        wait_until_complete(page)
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("main")).to_be_focused()
        page.goto(f"{origin}/status")
        pause = page.get_by_role("button", name="Pause updates")
        expect(pause).to_be_visible()
        for _ in range(7):  # past the link to the content and the parts of the page
            page.keyboard.press("Tab")
        expect(pause).to_be_focused()
        page.keyboard.press("Space")
        expect(pause).to_have_attribute("aria-pressed", "true")
        shown = time_shown(page)
        page.keyboard.press("Space")
        # Asked from here, for the page's policy keeps the browser from evaluating a text over and over.
        wait_until(lambda: time_shown(page) != shown, 20, "the page goes on")
        page.locator("#decisions summary").first.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#decisions details[open]").first).to_contain_text("Which model")
        page.locator("#decisions nav a").first.focus()
        page.keyboard.press("Enter")
        expect(page.get_by_text("No decision of cider was seen")).to_be_visible()
        assert page.url == f"{origin}/status?route=cider#decisions"


def test_the_browser_runs_nothing_but_the_pages_own_script(origin: str, browser: Browser) -> None:
    page = browser.new_page()
    response = page.goto(f"{origin}/status")
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


def test_a_page_that_is_not_kept_fresh_says_so(browser: Browser) -> None:
    context = browser.new_context()
    page = context.new_page()
    with serving(World()) as origin:
        page.goto(f"{origin}/status")
        wait_until_complete(page)
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("This page is not kept fresh: the gateway does not answer")
    context.close()


def test_without_a_script_the_page_is_complete(origin: str, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{origin}/status")
    while page.get_by_role("row", name="rendezvous-0").count() == 0:
        page.reload()  # the first look begins the watching
    for name in ("Routes", "Models", "Services", "Last decisions"):
        expect(page.get_by_role("region", name=name)).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    context.close()
