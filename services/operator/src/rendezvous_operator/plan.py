"""
What to do now so that what runs becomes what is wanted: pure.

A deployment that changes is replaced one container at a time: the new one first, and an old one is stopped as
soon as a new one is ready; so one container more than wanted can run for a while. If the new ones never get
ready, the old ones go on, but one of them that ends is not started again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rendezvous_operator.courses import Courses
from rendezvous_operator.goals import Goal, Wanted
from rendezvous_operator.seen import Phase, Seen


@dataclass(frozen=True, slots=True)
class Start:
    """Start a container, also in place of one of its name that has ended."""

    wanted: Wanted


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask a container to end in order."""

    name: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Forget a container that has ended."""

    name: str


Action = Start | Stop | Remove


def plan(goals: Mapping[str, Goal], seen: Mapping[str, Seen], courses: Courses, now: int) -> list[Action]:
    """
    Return what to do at *now* (monotonic, in microseconds).

    What is not ours is never touched, and where its name is taken nothing is started.
    """
    ours: dict[str, list[Seen]] = {name: [] for name in goals}
    for each in seen.values():
        if each.found.ours:
            ours.setdefault(each.found.deployment, []).append(each)
    foreign = frozenset(name for name, each in seen.items() if not each.found.ours)
    actions: list[Action] = []
    for name, have in ours.items():
        goal = goals.get(name)
        if goal is None:
            actions += _end(have)
        elif not goal.problem:
            actions += _towards(goal, have, foreign, courses, now)
    return actions


def _end(have: Iterable[Seen]) -> list[Action]:
    stops: list[Action] = [Stop(each.found.name) for each in have if each.found.phase is Phase.RUNNING]
    return stops + [Remove(each.found.name) for each in have if each.found.phase is Phase.EXITED]


def _towards(
    goal: Goal, have: Sequence[Seen], foreign: frozenset[str], courses: Courses, now: int
) -> list[Action]:
    names = {each.name for each in goal.instances}
    kept = {each.found.name: each for each in have if each.found.name in names}
    other = [each for each in have if each.found.name not in names]
    old = [each for each in other if each.found.phase is Phase.RUNNING]
    ready = sum(each.ready for each in kept.values())
    excess = max(0, ready + len(old) - len(goal.instances))
    # What is not ready itself goes first.
    stopped = sorted(old, key=lambda each: (each.ready, each.found.name))[:excess]
    actions: list[Action] = [Stop(each.found.name) for each in stopped]
    actions += [Remove(each.found.name) for each in other if each.found.phase is Phase.EXITED]
    alive = sum(each.found.phase is not Phase.EXITED for each in have)
    room = len(goal.instances) + bool(old) - alive
    due = [each for each in goal.instances if _may_start(each, kept, courses, now)]
    return actions + [Start(each) for each in due if each.name not in foreign][: max(0, room)]


def _may_start(wanted: Wanted, kept: Mapping[str, Seen], courses: Courses, now: int) -> bool:
    there = kept.get(wanted.name)
    if there is not None and there.found.phase is not Phase.EXITED:
        return False
    course = courses.get(wanted.name)
    return course is not None and course.up_at is None and course.due <= now
