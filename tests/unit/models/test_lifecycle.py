from dataclasses import replace

import pytest
from rendezvous_control.state import ModelEntry, Stamp
from rendezvous_models.lifecycle import NEXT, Action, Course, Phase, next_action
from rendezvous_runtime.clock import Now
from scoring.v1.control_pb2 import Field, Golden, Model

from tests.support.control import model

NOW = Now(1_000_000, 5_000_000)
STAMP = Stamp(0, "c", "ada", 1, "a test")
DESCRIPTOR = model("wine", "1", b"one")
ENTRY = ModelEntry(DESCRIPTOR, STAMP)
REMOVED = replace(ENTRY, removed=STAMP)


def changed(**values: object) -> Model:
    """DESCRIPTOR, but for *values*."""
    said = Model(**values)  # type: ignore[arg-type]
    known = Model()
    known.CopyFrom(DESCRIPTOR)
    known.MergeFrom(said)
    return known


def _in(phase: Phase, due: int | None = None) -> Course:
    return Course("wine@1", phase, descriptor=DESCRIPTOR, due=due)


@pytest.mark.parametrize(
    ("course", "entry", "action"),
    [
        (Course("wine@1"), None, Action.NOTHING),
        (Course("wine@1"), REMOVED, Action.NOTHING),
        (Course("wine@1"), ENTRY, Action.LOAD),
        (_in(Phase.READY), ENTRY, Action.NOTHING),
        (_in(Phase.READY), ModelEntry(model("wine", "1", b"two"), STAMP), Action.LOAD),
        (_in(Phase.READY), ModelEntry(changed(options={"threads": "2"}), STAMP), Action.LOAD),
        (_in(Phase.READY), ModelEntry(changed(golden=[Golden()]), STAMP), Action.LOAD),
        (_in(Phase.READY), ModelEntry(changed(golden_tolerance=0.0), STAMP), Action.LOAD),
        (_in(Phase.READY), ModelEntry(changed(outputs=[Field(name="quality")]), STAMP), Action.LOAD),
        (
            _in(Phase.READY),
            ModelEntry(changed(quality=0.9, description="d", author="a"), STAMP),
            Action.NOTHING,
        ),
        (_in(Phase.IDLE), ENTRY, Action.NOTHING),
        (_in(Phase.IDLE), ModelEntry(model("wine", "1", b"two"), STAMP), Action.LOAD),
        (_in(Phase.IDLE), REMOVED, Action.UNLOAD),
        (_in(Phase.READY), REMOVED, Action.DRAIN),
        (_in(Phase.READY), None, Action.DRAIN),
        (_in(Phase.FAILED), ENTRY, Action.NOTHING),
        (_in(Phase.FAILED, due=NOW.mono + 1), ENTRY, Action.NOTHING),
        (_in(Phase.FAILED, due=NOW.mono), ENTRY, Action.LOAD),
        (_in(Phase.FAILED), ModelEntry(model("wine", "1", b"two"), STAMP), Action.LOAD),
        (_in(Phase.FAILED), REMOVED, Action.DRAIN),
        (_in(Phase.DRAINING, due=NOW.mono + 1), REMOVED, Action.NOTHING),
        (_in(Phase.DRAINING, due=NOW.mono), REMOVED, Action.UNLOAD),
        (_in(Phase.DRAINING, due=NOW.mono + 1), ENTRY, Action.LOAD),
    ],
)
def test_what_is_to_be_done_follows_from_the_course_and_the_log(
    course: Course, entry: ModelEntry | None, action: Action
) -> None:
    assert next_action(course, entry, NOW) is action


def test_an_idle_model_is_loaded_when_an_input_asks_for_it() -> None:
    assert next_action(_in(Phase.IDLE), ENTRY, NOW, asked=True) is Action.LOAD


def test_every_phase_leads_back_to_ready_and_to_unknown() -> None:
    for start in Phase:
        seen = {start}
        while more := {each for phase in seen for each in NEXT[phase]} - seen:
            seen |= more
        assert {Phase.READY, Phase.UNKNOWN} <= seen


def test_a_phase_that_cannot_follow_is_a_defect() -> None:
    with pytest.raises(ValueError, match="UNKNOWN is not followed by READY"):
        Course("wine@1").to(Phase.READY, NOW)


def _fail(course: Course, *, passing: bool = True) -> Course:
    return course.taken_up(DESCRIPTOR, NOW).failed("away", NOW, passing=passing)


def test_a_failure_that_can_pass_is_tried_again_after_ever_longer_pauses_up_to_a_minute() -> None:
    course, pauses = Course("wine@1"), []
    for _ in range(9):
        course = _fail(course)
        assert course.due is not None
        pauses.append((course.due - NOW.mono) // 1_000_000)

    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_failure_that_cannot_pass_waits_for_another_descriptor() -> None:
    course = _fail(Course("wine@1"), passing=False)

    assert (course.phase, course.reason, course.due) == (Phase.FAILED, "away", None)


def test_another_descriptor_starts_the_pauses_anew() -> None:
    course = _fail(_fail(_fail(Course("wine@1"))))

    assert course.taken_up(model("wine", "1", b"two"), NOW).failures == 0
