"""What a control message can ask for: the members of Control.change."""

from collections.abc import Mapping
from typing import Final

from scoring.v1.control_pb2 import (
    AbortRollout,
    AddModel,
    ApproveModel,
    Control,
    Deploy,
    PauseRoute,
    RampRoute,
    RemoveModel,
    ResumeRoute,
    RollbackRoute,
    ScaleDeployment,
    SetBuild,
    SetRoute,
    StartRollout,
    StepRollout,
    Undeploy,
    UpdateModel,
)

Change = (
    AddModel
    | UpdateModel
    | RemoveModel
    | ApproveModel
    | SetRoute
    | RollbackRoute
    | RampRoute
    | PauseRoute
    | ResumeRoute
    | StartRollout
    | StepRollout
    | AbortRollout
    | Deploy
    | Undeploy
    | ScaleDeployment
    | SetBuild
)

_MEMBERS: Final[Mapping[str, str]] = {
    field.message_type.name: field.name
    for field in Control.DESCRIPTOR.oneofs_by_name["change"].fields
    if field.message_type is not None
}


def put_change(message: Control, change: Change) -> None:
    """Make *message* ask for *change*."""
    getattr(message, _MEMBERS[change.DESCRIPTOR.name]).CopyFrom(change)


def change_subject(message: Control) -> tuple[str, str]:
    """
    Return the kind (model, route, deployment, build) and the name of what *message* is about.

    Both are empty where it asks for nothing that this version knows.
    """
    kind = message.WhichOneof("change")
    if kind is None:
        return "", ""
    change = getattr(message, kind)
    match change:
        case AddModel() | UpdateModel():
            return "model", f"{change.model.name}@{change.model.version}"
        case RemoveModel() | ApproveModel():
            return "model", f"{change.name}@{change.version}"
        case SetRoute():
            return "route", change.route.name
        case Deploy():
            return "deployment", change.deployment.name
        case Undeploy() | ScaleDeployment():
            return "deployment", change.name
        case SetBuild():
            return "build", change.service
        case _:
            named = isinstance(change, StartRollout | StepRollout | AbortRollout)
            return "route", change.route if named else change.name
