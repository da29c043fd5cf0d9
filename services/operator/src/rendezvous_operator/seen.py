"""What runs, as a back end sees it and as the containers say on `status`: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from scoring.v1.status_pb2 import ModelState, Status

SILENT_US: Final = 10_000_000


class Phase(Enum):
    """Where a container stands."""

    RUNNING = "running"
    STOPPING = "stopping"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Found:
    """
    One container that a back end has.

    *ours*: this operator's to start and end. *started_us*: since the epoch. *ending*: how it ended.
    *trouble*: why the back end cannot run it now; *failed*: that will not pass by waiting.
    """

    name: str
    deployment: str
    build: str
    phase: Phase
    ours: bool = True
    started_us: int = 0
    ending: str = ""
    trouble: str = ""
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """
    A container and what it says of itself.

    *detail*: why it is not ready. *failed*: that will not pass by waiting.
    """

    found: Found
    ready: bool = False
    detail: str = ""
    failed: bool = False


def look(found: Iterable[Found], heard: Mapping[str, Status], wall_us: int) -> dict[str, Seen]:
    """Return what is *found*, by name, with what each has said since its start; *wall_us* is now."""
    return {each.name: _seen(each, heard.get(each.name), wall_us) for each in found}


def _seen(found: Found, status: Status | None, wall_us: int) -> Seen:
    if found.phase is Phase.EXITED:
        return Seen(found, detail=found.ending)
    if found.trouble:
        return Seen(found, detail=found.trouble, failed=found.failed)
    if status is None or status.at_us < found.started_us:
        return Seen(found, detail="it has not said anything yet")
    if wall_us - status.at_us > SILENT_US:
        return Seen(found, detail=f"it has said nothing for {(wall_us - status.at_us) // 1_000_000} s")
    reasons = [
        f"{model.model}: {model.reason}"
        for model in status.models
        if model.state == ModelState.MODEL_STATE_FAILED
    ]
    detail = "; ".join(reasons) or status.detail
    return Seen(found, ready=status.ready and not status.stopping, detail=detail, failed=bool(reasons))
