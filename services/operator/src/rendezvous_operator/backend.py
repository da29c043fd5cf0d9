"""What the operator needs of whatever runs containers."""

from collections.abc import Sequence
from typing import Protocol

from rendezvous_operator.goals import Wanted
from rendezvous_operator.seen import Found


class BackendError(Exception):
    """The back end does not do what it was asked for; str() says why and what to do."""


class Backend(Protocol):
    """
    Runs containers; driven by one thread, and each call may block for some seconds.

    Every method raises BackendError.
    """

    def problem(self, wanted: Wanted) -> str:
        """Return why *wanted* can never be started here, or an empty text."""
        ...

    def find(self) -> Sequence[Found]:
        """Return all that there is and that could be in the way."""
        ...

    def start(self, wanted: Wanted) -> None:
        """Start *wanted*, in place of one of its name that has ended."""
        ...

    def stop(self, name: str) -> None:
        """Ask it to end in order and return at once; after its grace it is killed."""
        ...

    def remove(self, name: str) -> None:
        """Forget a container that has ended."""
        ...

    def close(self, *, end: bool) -> None:
        """Let go of the containers, and where *end*, end them first."""
        ...


def unknown_options(wanted: Wanted, known: frozenset[str], backend: str) -> str:
    """Return what to say of options that *backend* does not know, or an empty text."""
    unknown = sorted(wanted.options.keys() - known)
    if not unknown:
        return ""
    return f"option {unknown[0]} is none of the back end {backend}: use {', '.join(sorted(known))}"
