"""Whether the gateway takes requests, and what it waits for if it does not."""

from collections.abc import Callable


class Readiness:
    """
    Joins what the gateway itself knows with what the application around it knows.

    *own* returns None when the gateway's own parts are ready; *surround* is told of the rest once there
    is an application.
    """

    def __init__(self, own: Callable[[], str | None]) -> None:
        self.own = own
        self._rest: Callable[[], str | None] = own

    def surround(self, rest: Callable[[], str | None]) -> None:
        """Take *rest* into account from now on."""
        self._rest = rest

    def waiting_for(self) -> str | None:
        """Return None when requests are taken, else what is waited for, for people."""
        return self.own() or self._rest()
