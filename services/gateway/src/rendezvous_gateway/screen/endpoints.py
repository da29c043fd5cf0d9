"""The endpoints of the status page."""

import asyncio
from importlib.resources import files
from typing import Final

from aiohttp import web
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.control_view import ControlView

from rendezvous_gateway.screen.page import render
from rendezvous_gateway.screen.watcher import Watcher

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:;"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_STALE_US: Final = 5_000_000


class StatusPage:
    """Serves the page of what *control* and *watcher* know."""

    def __init__(self, control: ControlView, watcher: Watcher, clock: Clock) -> None:
        package = files("rendezvous_gateway.screen")
        self._control = control
        self._watcher = watcher
        self._clock = clock
        self._script = package.joinpath("page.js").read_text()
        self._style = package.joinpath("page.css").read_text()

    def endpoints(self) -> list[web.RouteDef]:
        """Return what it serves."""
        return [
            web.get("/status", self.page),
            web.get("/status/page.js", self.script),
            web.get("/status/page.css", self.style),
        ]

    async def close(self, _: web.Application) -> None:
        """Watch no more."""
        await asyncio.to_thread(self._watcher.close)

    async def page(self, request: web.Request) -> web.Response:
        """Show the page."""
        now_us = self._clock.now().wall
        snapshot = self._watcher.look()
        problem = self._watcher.problem
        if not problem and snapshot.at_us and now_us - snapshot.at_us > _STALE_US:
            problem = "What is shown of services and decisions is some seconds old."
        text = render(
            self._control.state,
            snapshot,
            route=request.query.get("route", ""),
            problem=problem,
            now_us=now_us,
        )
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)

    async def script(self, _: web.Request) -> web.Response:
        """Give the script."""
        return web.Response(text=self._script, content_type="text/javascript", headers=_HEADERS)

    async def style(self, _: web.Request) -> web.Response:
        """Give the style sheet."""
        return web.Response(text=self._style, content_type="text/css", headers=_HEADERS)
