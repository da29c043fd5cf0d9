"""The policies of the routes, compiled from the control state when they are first wanted."""

from rendezvous_control.state import State
from rendezvous_engine.policy import Policy, compile_policy
from rendezvous_runtime.control_view import ControlView


class PolicyBook:
    """
    The engine's Policies over the newest control state. Not thread-safe: it belongs to the data thread.

    A revision never changes, so what is compiled stays; a thousand of the newest found are kept.
    """

    _KEPT = 1_000

    def __init__(self, control: ControlView) -> None:
        self._control = control
        self._state = control.state
        self._compiled: dict[tuple[str, int], Policy] = {}

    def has_moved(self) -> bool:
        """Return whether the control state is another one than when this was last asked."""
        before, self._state = self._state, self._control.state
        return self._state is not before

    def find(self, route: str, revision: int) -> Policy | None:
        """Return the policy of this revision, or None if the control log does not have it yet."""
        policy = self._compiled.get((route, revision))
        return policy or self._compile(self._control.state, route, revision)

    def newest(self, route: str) -> Policy | None:
        """Return the policy of the current revision of *route*, or None."""
        entry = self._control.state.routes.get(route)
        return self.find(route, entry.current.number) if entry else None

    def _compile(self, state: State, route: str, number: int) -> Policy | None:
        revision = state.revision(route, number)
        if revision is None:
            return None
        if len(self._compiled) >= self._KEPT:
            del self._compiled[next(iter(self._compiled))]
        policy = compile_policy(revision.route, number, revision.qualities)
        self._compiled[route, number] = policy
        return policy
