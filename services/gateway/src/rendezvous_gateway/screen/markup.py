"""HTML that cannot be forgotten to be escaped: text is escaped unless it was made here."""

from collections.abc import Iterable
from html import escape
from typing import Final

_VOID: Final = frozenset({"meta", "link"})


class Html(str):
    """Markup made by tag; any other text is escaped where it is put in."""

    __slots__ = ()


Child = str | Iterable[str]
EMPTY: Final = Html("")


def tag(name: str, /, *children: Child, **attributes: str | bool) -> Html:
    """
    Return an element of *children*, texts (escaped) or other elements.

    An attribute that is a Python word or has a dash: class_, aria_label. True writes it without a value,
    False leaves it out.
    """
    written = "".join(_attribute(key.rstrip("_").replace("_", "-"), attributes[key]) for key in attributes)
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(*children)}</{name}>")


def join(*children: Child) -> Html:
    """Return *children* one after another."""
    return Html("".join(_child(child) for child in children))


def _child(child: Child) -> str:
    if isinstance(child, Html):
        return child
    return escape(child) if isinstance(child, str) else "".join(map(_child, child))


def _attribute(name: str, value: str | bool) -> str:
    if value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{escape(value)}"'
