"""Markdown that is put together."""

from collections.abc import Iterable, Sequence


def cell(text: object) -> str:
    """Return *text* as it can stand in a table."""
    return " ".join(str(text).replace("|", "\\|").split())


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table; its cells are Markdown already."""
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(map(cell, row)) for row in rows]
    return ["", *(f"| {line} |" for line in lines), ""]


def code(text: object) -> str:
    """Return *text* as code; nothing for nothing."""
    return f"`{text}`" if str(text) else ""


def page(title: str, made_of: str, lines: Iterable[str]) -> str:
    """Return a page, which says what it is *made_of*."""
    return "\n".join([f"# {title}", "", f"*Made of {made_of} when this site is built.*", "", *lines, ""])
