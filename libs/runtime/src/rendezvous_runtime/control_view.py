"""The control state as a service's logic sees it: one immutable snapshot, swapped in whole."""

from collections.abc import Callable

from rendezvous_control.state import State


class ControlView:
    """
    Holds the newest folded State; reading it is one attribute access and needs no lock.

    *publish* is called by whoever folds the log (the shell's agent, a test); listeners run in its thread.
    """

    def __init__(self, state: State | None = None) -> None:
        self.state = state or State()
        self._listeners: list[Callable[[State], None]] = []

    def subscribe(self, listener: Callable[[State], None]) -> None:
        """Have *listener* called with every new state, and now with this one."""
        self._listeners.append(listener)
        listener(self.state)

    def publish(self, state: State) -> None:
        """Swap in *state*."""
        self.state = state
        for listener in self._listeners:
            listener(state)
