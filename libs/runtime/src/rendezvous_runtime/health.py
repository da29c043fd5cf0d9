"""Whether a service lives, and what it still waits for before it is ready."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

# Returns None when there is nothing to wait for, else what is waited for, for people.
WaitingFor = Callable[[], str | None]


class Readiness(NamedTuple):
    """Whether a service is ready; *detail* says what it waits for if it is not."""

    ready: bool
    detail: str


def nothing() -> str | None:
    """Wait for nothing."""
    return None


def readiness(conditions: Sequence[WaitingFor]) -> Readiness:
    """Return ready if no condition waits for anything, else the detail of the first that does."""
    for waiting_for in conditions:
        if (detail := waiting_for()) is not None:
            return Readiness(ready=False, detail=detail)
    return Readiness(ready=True, detail="")
