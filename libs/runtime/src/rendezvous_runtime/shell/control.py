"""Folds the control log from its beginning and publishes the state once all that was there is folded."""

from collections import deque
from typing import Final

import structlog
from rendezvous_control.envelope import Verifier
from rendezvous_control.fold import fold_record
from rendezvous_control.state import Refused, State

from rendezvous_runtime.control_view import ControlView

_REFUSALS: Final = 20
_log = structlog.get_logger(__name__)


class ControlFollower:
    """
    Follows the control log record by record.

    Nothing is published before the end that *expect* named is reached: nobody acts on what the log has
    long overruled. *refusals* is the newest few, oldest first; *refused* counts those that came after all
    that was there at the start, and that asked for something. *keys*: whose signatures count; without, nobody
    looks at signatures.
    """

    def __init__(self, view: ControlView, keys: Verifier | None = None) -> None:
        self.state: State = view.state
        self.refusals: deque[Refused] = deque(maxlen=_REFUSALS)
        self.refused = 0
        self._view = view
        self._keys = keys
        self._end: int | None = None
        self._published = False

    @property
    def caught_up(self) -> bool:
        """Whether all that was in the log at the start is folded."""
        return self._published

    def expect(self, end: int) -> None:
        """Note that the log ends before offset *end* as the service starts."""
        self._end = end
        self._publish()

    def fold(self, value: bytes | None, offset: int) -> None:
        """Fold the record *value* at *offset*; any bytes will do, a refusal is logged and kept."""
        self.state, refused = fold_record(self.state, value, offset, self._keys)
        if refused is not None:
            self.refusals.append(refused)
            self.refused += self._published and not refused.unchanged
            _log.warning(
                "control message refused", offset=offset, control_id=refused.control_id, reason=refused.reason
            )
        self._publish()

    def waiting_for(self) -> str | None:
        """Return None once caught up, else how far it is."""
        if self._published:
            return None
        if self._end is None:
            return "the end of the control log is not known yet"
        return f"the control log is folded up to {self.state.next_offset} of {self._end}"

    def _publish(self) -> None:
        if self._end is not None and self.state.next_offset >= self._end:
            self._published = True
            self._view.publish(self.state)
