"""
How the workers of one model have fared, and when to start the next: pure. Times are monotonic microseconds.

A worker that ended is started again after a pause that doubles with each end of the last minute. Five ends
within a minute are a crash loop: the model has failed. It is then tried once in five minutes, and serves
again; if that worker ends within its first minute, the model has failed again at once.
"""

from dataclasses import dataclass, replace
from typing import Final

_WINDOW_US: Final = 60_000_000
_LOOP: Final = 5
_FIRST_PAUSE_US: Final = 100_000
_LONG_PAUSE_US: Final = 300_000_000


@dataclass(frozen=True, slots=True)
class WorkerRecord:
    """
    The ends of a model's workers within the last minute, and what follows from them.

    *reason*: why there is no worker now, for people; empty while one serves. *failed*: there is a crash loop.
    """

    reason: str = ""
    failed: bool = False
    retry_at: int | None = None
    restarts: int = 0
    _ends: tuple[int, ...] = ()
    _trial_until: int = 0

    def ended(self, reason: str, now: int) -> "WorkerRecord":
        """Return the record after a worker ended at *now*, or could not be started."""
        ends = (*(end for end in self._ends if end > now - _WINDOW_US), now)
        failed = len(ends) >= _LOOP or now < self._trial_until or self.failed
        pause = _LONG_PAUSE_US if failed else _FIRST_PAUSE_US << (len(ends) - 1)
        said = f"{reason}; it ended too often, and is tried again in {pause // 60_000_000} minutes"
        return replace(
            self, reason=said if failed else reason, failed=failed, retry_at=now + pause, _ends=ends
        )

    def started(self, now: int) -> "WorkerRecord":
        """Return the record once another worker serves."""
        trial_until = now + _WINDOW_US if self.failed else self._trial_until
        return replace(
            self,
            reason="",
            failed=False,
            retry_at=None,
            restarts=self.restarts + 1,
            _trial_until=trial_until,
            _ends=() if self.failed else self._ends,
        )

    def is_due(self, now: int) -> bool:
        """Return whether to start a worker at *now*."""
        return self.retry_at is not None and self.retry_at <= now
