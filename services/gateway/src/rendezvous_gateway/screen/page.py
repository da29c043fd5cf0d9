"""The page as a whole: complete without a script, kept fresh by one. Pure."""

from rendezvous_control.state import State

from rendezvous_gateway.screen.markup import Html, join, tag
from rendezvous_gateway.screen.pieces import moment
from rendezvous_gateway.screen.seen import Snapshot
from rendezvous_gateway.screen.show_decisions import decisions_section
from rendezvous_gateway.screen.show_models import models_section
from rendezvous_gateway.screen.show_routes import routes_section
from rendezvous_gateway.screen.show_services import services_section

_TITLE = "Rendezvous: status"
_PARTS = (
    ("routes", "Routes"),
    ("models", "Models"),
    ("services", "Services"),
    ("decisions", "Last decisions"),
)


def render(state: State, snapshot: Snapshot, *, route: str, problem: str, now_us: int) -> Html:
    """
    Return the page of *state* and *snapshot* as they are at *now_us*.

    *route*: whose decisions are shown; empty: of the first that has some. *problem*: why it may not
    be true any more.
    """
    first = min(snapshot.decisions, default="") or min(state.routes, default="")
    chosen = route if route in state.routes or route in snapshot.decisions else first
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", _TITLE),
        tag("link", rel="stylesheet", href="/status/page.css"),
        tag("link", rel="icon", href="data:,"),
        tag("script", src="/status/page.js", defer=True),
    )
    main = tag(
        "main",
        tag("p", problem, class_="problem", role="alert", id="problem") if problem else "",
        routes_section(state, snapshot),
        models_section(state, snapshot),
        services_section(state, snapshot),
        decisions_section(state, snapshot, chosen),
        id="main",
        tabindex="-1",
    )
    body = tag(
        "body", tag("a", "Skip to the content", href="#main", class_="skip"), _header(state, now_us), main
    )
    return join(Html("<!doctype html>\n"), tag("html", head, body, lang="en"))


def _header(state: State, now_us: int) -> Html:
    links = [tag("li", tag("a", title, href=f"#{name}")) for name, title in _PARTS]
    links.append(tag("li", tag("a", "Interface", href="/docs")))
    return tag(
        "header",
        tag("h1", "Rendezvous"),
        tag("nav", tag("ul", links), aria_label="Parts of the page"),
        tag(
            "p",
            *("As of ", moment(now_us), " UTC; ", f"{state.next_offset} control messages applied here. "),
            tag("button", "Pause updates", type="button", id="pause", aria_pressed="false", hidden=True),
            class_="facts",
            id="as-of",
        ),
        tag("p", role="status", id="news", class_="news"),
    )
