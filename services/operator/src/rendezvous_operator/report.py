"""What the operator says of the deployments on `status`: pure."""

from collections.abc import Iterable, Mapping, Sequence

from scoring.v1.status_pb2 import DeploymentState, DeploymentStatus

from rendezvous_operator.courses import Course, Courses
from rendezvous_operator.goals import Goal
from rendezvous_operator.seen import Phase, Seen


def report(
    goals: Mapping[str, Goal], seen: Mapping[str, Seen], courses: Courses, now: int
) -> list[DeploymentStatus]:
    """Return how far each deployment is, and those that still have to end; *now* as in plan."""
    leaving: dict[str, list[Seen]] = {}
    for each in seen.values():
        if each.found.ours and each.found.deployment not in goals:
            leaving.setdefault(each.found.deployment, []).append(each)
    return [_report(goal, seen, courses, now) for goal in goals.values()] + [
        _leaving(name, have) for name, have in sorted(leaving.items())
    ]


def _leaving(name: str, have: Sequence[Seen]) -> DeploymentStatus:
    return DeploymentStatus(
        deployment=name,
        state=DeploymentState.DEPLOYMENT_STATE_DRAINING,
        running=_running(have),
        reason=", ".join(f"{each.found.name} is {each.found.phase.value}" for each in have),
    )


def _report(goal: Goal, seen: Mapping[str, Seen], courses: Courses, now: int) -> DeploymentStatus:
    have = [each for each in seen.values() if each.found.ours and each.found.deployment == goal.deployment]
    names = [each.name for each in goal.instances]
    of = [courses.get(name, Course()) for name in names]
    ready = sum(name in seen and seen[name].ready for name in names)
    state, reason = _state(goal, seen, courses, now)
    return DeploymentStatus(
        deployment=goal.deployment,
        generation=goal.generation,
        state=state,
        wanted=len(names),
        running=_running(have),
        ready=ready,
        restarts=sum(max(0, course.starts - 1) for course in of),
        reason=reason,
    )


def _state(
    goal: Goal, seen: Mapping[str, Seen], courses: Courses, now: int
) -> tuple[DeploymentState.ValueType, str]:
    failed, missing = _trouble(goal, seen, courses, now)
    if goal.problem or failed:
        return DeploymentState.DEPLOYMENT_STATE_FAILED, goal.problem or failed[0]
    if missing:
        return DeploymentState.DEPLOYMENT_STATE_PROGRESSING, missing[0]
    names = {each.name for each in goal.instances}
    extra = [
        f"{name} has to end"
        for name, each in seen.items()
        if each.found.ours and each.found.deployment == goal.deployment and name not in names
    ]
    if extra:
        return DeploymentState.DEPLOYMENT_STATE_PROGRESSING, extra[0]
    return DeploymentState.DEPLOYMENT_STATE_READY, ""


def _trouble(goal: Goal, seen: Mapping[str, Seen], courses: Courses, now: int) -> tuple[list[str], list[str]]:
    """Return what has failed, and what only is not ready yet."""
    failed, missing = [], []
    for each in goal.instances:
        there, course = seen.get(each.name), courses.get(each.name, Course())
        if there is not None and not there.found.ours:
            failed.append(f"there is a container {each.name} that is not ours: remove it")
        elif course.failed:
            failed.append(f"{each.name}: {_why_down(course, now)}")
        elif there is not None and there.failed:
            failed.append(f"{each.name}: {there.detail}")
        elif there is None or not there.ready:
            why = _why_down(course, now) if course.up_at is None and course.failures else ""
            missing.append(f"{each.name}: {why or (there.detail if there else '') or 'it is to be started'}")
    return failed, missing


def _why_down(course: Course, now: int) -> str:
    left = max(0, course.due - now) / 1e6
    return f"{course.reason}; {course.failures} times in a row; the next start is in {left:.0f} s"


def _running(have: Iterable[Seen]) -> int:
    return sum(each.found.phase is not Phase.EXITED for each in have)
