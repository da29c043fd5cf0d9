"""What a process that holds models says of them: on `status`, and of its own readiness."""

from collections.abc import Mapping
from typing import Final

from rendezvous_control.state import ModelEntry
from scoring.v1.status_pb2 import ModelState, ModelStatus, Status

from rendezvous_models.lifecycle import Course, Phase
from rendezvous_models.shelf import ReadyModel, ReadyModels

_STATES: Final[Mapping[Phase, ModelState.ValueType]] = {
    Phase.UNKNOWN: ModelState.MODEL_STATE_UNSPECIFIED,
    Phase.FETCHING: ModelState.MODEL_STATE_LOADING,
    Phase.LOADING: ModelState.MODEL_STATE_LOADING,
    Phase.WARMING: ModelState.MODEL_STATE_LOADING,
    Phase.READY: ModelState.MODEL_STATE_READY,
    Phase.FAILED: ModelState.MODEL_STATE_FAILED,
    Phase.IDLE: ModelState.MODEL_STATE_READY,  # it has passed its gate, and comes back when it is asked for
    Phase.DRAINING: ModelState.MODEL_STATE_DRAINING,
}


def waiting_for(courses: Mapping[str, Course], ready: ReadyModels) -> str | None:
    """Return what is missing until every assigned model can score; None: nothing."""
    missing = [
        f"{name}: {course.phase.value}" + (f": {course.reason}" if course.reason else "")
        for name, course in courses.items()
        if name not in ready and course.phase is not Phase.IDLE
    ]
    missing += [f"{name}: {held.runtime.trouble}" for name, held in ready.items() if not held.runtime.ready]
    return "; ".join(missing) or None


def describe(
    status: Status, models: Mapping[str, ModelEntry], courses: Mapping[str, Course], ready: ReadyModels
) -> None:
    """Add the assigned models to *status*, with what the control log says of them (*models*)."""
    for name, course in courses.items():
        held, entry = ready.get(name), models.get(name)
        status.models.append(
            ModelStatus(
                model=name,
                type=entry.model.type if entry else "",
                description=entry.model.description if entry else "",
                state=_state(course, held),
                reason=course.reason or (held.runtime.trouble if held else course.phase.value),
                since_us=course.since_us,
                usage=held.usage.to_message() if held else None,
                gate_row_us=held.latency.row_us if held else 0.0,
                gate_batched_row_us=held.latency.batched_row_us if held else 0.0,
            )
        )


def _state(course: Course, held: ReadyModel | None) -> ModelState.ValueType:
    broken = course.phase is Phase.READY and held is not None and not held.runtime.ready
    return ModelState.MODEL_STATE_FAILED if broken else _STATES[course.phase]
