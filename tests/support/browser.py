"""A real browser, and one look at the status page with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, sync_playwright

WIDE: Final[ViewportSize] = {"width": 1280, "height": 900}
NARROW: Final[ViewportSize] = {"width": 360, "height": 800}
PATIENCE_MS: Final = 60_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the system's Chromium, without a window."""
    with sync_playwright() as playwright:
        # Without a sandbox of its own: tests run as root in a container.
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        browser.close()


class Visit:
    """One look at a page; what went wrong meanwhile is in *problems*."""

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


@contextmanager
def visit(
    browser: Browser, origin: str, viewport: ViewportSize = WIDE, scheme: str = "light"
) -> Iterator[Page]:
    """Open the status page of *origin*, and at the end require that nothing went wrong."""
    dark = scheme == "dark"
    context = browser.new_context(viewport=viewport, color_scheme="dark" if dark else "light")
    made = Visit(context.new_page(), origin)
    made.page.goto(f"{origin}/status")
    yield made.page
    context.close()
    assert made.problems == []
