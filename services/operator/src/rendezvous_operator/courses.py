"""How often a container ended by itself, and when it may be started again: pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from rendezvous_operator.seen import Phase, Seen

FIRST_PAUSE_US: Final = 1_000_000
LONGEST_PAUSE_US: Final = 300_000_000
# So long it has to run for what was before to be forgotten.
STEADY_US: Final = 60_000_000
# In a row: fewer can be an accident.
FAILED_AFTER: Final = 3


@dataclass(frozen=True, slots=True)
class Course:
    """
    A container that is wanted, over its starts; times are monotonic, in microseconds.

    *up_at*: when it was seen to run or was started, None while it is down. *failures*: in a row. *due*: when
    it may be started.
    """

    up_at: int | None = None
    due: int = 0
    failures: int = 0
    starts: int = 0
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether it is down and has been too often."""
        return self.up_at is None and self.failures >= FAILED_AFTER

    def started(self, now: int) -> "Course":
        """Return the course after a start."""
        return replace(self, up_at=now, starts=self.starts + 1)

    def ended(self, reason: str, now: int) -> "Course":
        """Return the course after its end, or after a start that failed."""
        steady = self.up_at is not None and now - self.up_at >= STEADY_US
        failures = 1 if steady else self.failures + 1
        pause = min(FIRST_PAUSE_US << min(failures - 1, 30), LONGEST_PAUSE_US)
        return replace(self, up_at=None, due=now + pause, failures=failures, reason=reason)


Courses = Mapping[str, Course]


def follow(courses: Courses, seen: Mapping[str, Seen], wanted: frozenset[str], now: int) -> dict[str, Course]:
    """Return the courses of what is *wanted* (names), with what was *seen* now."""
    return {name: _followed(courses.get(name), seen.get(name), now) for name in sorted(wanted)}


def _followed(course: Course | None, seen: Seen | None, now: int) -> Course:
    if seen is None or not seen.found.ours:
        if course is None or course.up_at is None:
            return course or Course(due=now)
        return course.ended("it is gone: somebody else has removed it", now)
    if seen.found.phase is Phase.EXITED:
        known = course or Course(up_at=now)  # adopted
        return known.ended(seen.found.ending, now) if known.up_at is not None else known
    if course is None or course.up_at is None:
        return replace(course or Course(), up_at=now)
    if now - course.up_at >= STEADY_US and course.failures:
        return replace(course, failures=0, reason="")
    return course
