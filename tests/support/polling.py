"""Waiting for a fact instead of sleeping."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout_s: float, what: str, *, every_s: float = 0.02) -> T:
    """Return the first truthy value of *condition*; fail naming *what* after *timeout_s* seconds."""
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_s:g} s: {what} (last seen: {value!r})")
        time.sleep(every_s)


def is_within(condition: Callable[[], object], timeout_s: float) -> bool:
    """Return whether *condition* comes true within *timeout_s* seconds."""
    try:
        wait_until(condition, timeout_s, "")
    except AssertionError:
        return False
    return True
