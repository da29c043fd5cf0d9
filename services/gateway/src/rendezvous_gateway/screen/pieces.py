"""The pieces that every part of the page is made of."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

from rendezvous_gateway.screen.markup import Child, Html, join, tag

_S: Final = 1_000_000
_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_COLOURS: Final = 6


def section(name: str, title: str, *children: Child) -> Html:
    """Return a landmark of the page, named by its heading."""
    heading = tag("h2", title, id=f"{name}-title")
    return tag("section", heading, *children, id=name, aria_labelledby=f"{name}-title")


class Row(NamedTuple):
    """One row of a table: the id and the title of its head, its cells; *news* is read out when it changes."""

    name: str
    title: Child
    cells: Sequence[Child]
    news: str = ""


def table(caption: str, head: Sequence[str], rows: Iterable[Row]) -> Html:
    """
    Return a table whose rows have their name in the first cell.

    Where there is little room, each row becomes a block of its own: then the roles say what it is, and each
    cell bears the title of its column.
    """
    heads = tag("tr", [tag("th", each, scope="col", role="columnheader") for each in head], role="row")
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", heads, role="rowgroup"),
        tag("tbody", [_row(each, head) for each in rows], role="rowgroup"),
        role="table",
    )


def _row(row: Row, head: Sequence[str]) -> Html:
    told = {"data_news": row.news} if row.news else {}
    cells = [
        tag("td", tag("div", cell), role="cell", data_label=label)
        for label, cell in zip(head[1:], row.cells, strict=True)
    ]
    title = tag("th", row.title, scope="row", role="rowheader")
    return tag("tr", title, cells, id=row.name, role="row", **told)


def badge(kind: str, text: str) -> Html:
    """Return a state: its word, and a colour by its *kind* (good, busy, bad, quiet)."""
    return tag("span", text, class_=f"badge {kind}")


def lines(texts: Iterable[Child]) -> Html:
    """Return *texts* one below another."""
    return join([tag("div", text) for text in texts])


def moment(at_us: int) -> Html:
    """Return a time as people read it, in UTC."""
    at = datetime.fromtimestamp(at_us / _S, UTC)
    return tag("time", f"{at:%Y-%m-%d %H:%M:%S}", datetime=f"{at:%Y-%m-%dT%H:%M:%SZ}")


def ago(us: int) -> str:
    """Return how long ago *us* microseconds are."""
    seconds = max(0, us) // _S
    for size, unit in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def bar(label: str, shares: Sequence[float]) -> Html:
    """Return *shares*, which make 100, as a bar; *label* says the same in words."""
    parts, start = [], 0.0
    for place, share in enumerate(shares):
        colour = f"share{place % _COLOURS}"
        parts.append(tag("rect", x=f"{start:g}%", y="0", width=f"{share:g}%", height="100%", class_=colour))
        start += share
    return tag("svg", parts, class_="bar", role="img", aria_label=label)


def swatch(place: int) -> Html:
    """Return the colour that the share at *place* has in its bar."""
    return tag("span", class_=f"swatch share{place % _COLOURS}", aria_hidden="true")
