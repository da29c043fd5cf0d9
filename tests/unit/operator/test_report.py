"""What the operator says of a deployment, case by case."""

import pytest
from rendezvous_operator.courses import Course
from rendezvous_operator.goals import Goal, Wanted
from rendezvous_operator.report import report
from rendezvous_operator.seen import SILENT_US, Found, Phase, Seen, look
from scoring.v1.status_pb2 import DeploymentState, ModelState, ModelStatus, Status

WANTED = Wanted("d", "new", 0, ("wine@1",))
GOAL = Goal("d", 3, (WANTED,))
NAME = WANTED.name
RUNNING = Found(NAME, "d", "new", Phase.RUNNING, started_us=100)
OLD = Seen(Found("d.old.0", "d", "old", Phase.RUNNING), ready=True)
UP = Course(up_at=1, starts=1)
DOWN = Course(due=9_000_000, failures=2, starts=2, reason="it ended with exit code 2")
LOOPING = Course(due=9_000_000, failures=3, starts=3, reason="it ended with exit code 2")


@pytest.mark.parametrize(
    ("seen", "course", "state", "reason"),
    [
        ([], Course(), "PROGRESSING", f"{NAME}: it is to be started"),
        ([Seen(RUNNING, detail="loading")], UP, "PROGRESSING", f"{NAME}: loading"),
        ([Seen(RUNNING, ready=True)], UP, "READY", ""),
        ([Seen(RUNNING, ready=True), OLD], UP, "PROGRESSING", "d.old.0 has to end"),
        (
            [],
            DOWN,
            "PROGRESSING",
            f"{NAME}: it ended with exit code 2; 2 times in a row; the next start is in 8 s",
        ),
        (
            [],
            LOOPING,
            "FAILED",
            f"{NAME}: it ended with exit code 2; 3 times in a row; the next start is in 8 s",
        ),
        ([Seen(RUNNING, failed=True, detail="wrong digest")], UP, "FAILED", f"{NAME}: wrong digest"),
        (
            [Seen(Found(NAME, "", "", Phase.RUNNING, ours=False))],
            Course(),
            "FAILED",
            f"there is a container {NAME} that is not ours: remove it",
        ),
    ],
)
def test_a_deployment_is_as_its_containers_are(
    seen: list[Seen], course: Course, state: str, reason: str
) -> None:
    found = {each.found.name: each for each in seen}
    (said,) = report({"d": GOAL}, found, {NAME: course}, 1_000_000)
    assert DeploymentState.Name(said.state) == f"DEPLOYMENT_STATE_{state}"
    assert said.reason == reason
    assert (said.deployment, said.generation, said.wanted) == ("d", 3, 1)


def test_what_was_undeployed_is_shown_until_it_has_ended() -> None:
    (said,) = report({}, {"d.old.0": OLD}, {}, 0)
    assert said.state == DeploymentState.DEPLOYMENT_STATE_DRAINING
    assert (said.wanted, said.running) == (0, 1)


def test_a_problem_of_the_goal_is_a_failure() -> None:
    (said,) = report({"d": Goal("d", 1, (), "no version")}, {}, {}, 0)
    assert said.state == DeploymentState.DEPLOYMENT_STATE_FAILED
    assert said.reason == "no version"


@pytest.mark.parametrize(
    ("status", "ready", "detail"),
    [
        (None, False, "it has not said anything yet"),
        (Status(at_us=99, ready=True), False, "it has not said anything yet"),
        (Status(at_us=100, ready=True), True, ""),
        (Status(at_us=100, ready=True, stopping=True), False, ""),
        (Status(at_us=100, detail="loading"), False, "loading"),
        (
            Status(
                at_us=100,
                models=[ModelStatus(model="w@1", state=ModelState.MODEL_STATE_FAILED, reason="wrong digest")],
            ),
            False,
            "w@1: wrong digest",
        ),
    ],
)
def test_only_what_a_container_said_since_its_start_counts(
    status: Status | None, *, ready: bool, detail: str
) -> None:
    seen = look([RUNNING], {} if status is None else {NAME: status}, 100)[NAME]
    assert (seen.ready, seen.detail) == (ready, detail)
    late = look([RUNNING], {NAME: Status(at_us=100, ready=True)}, 101 + SILENT_US)[NAME]
    assert not late.ready
    assert late.detail == "it has said nothing for 10 s"
