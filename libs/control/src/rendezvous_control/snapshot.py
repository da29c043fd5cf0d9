"""The state as bytes, and back: to fold on from a snapshot comes to the same as folding all the log."""

from google.protobuf.message import DecodeError
from immutables import Map
from scoring.v1 import snapshot_pb2 as pb

from rendezvous_control.errors import ControlError
from rendezvous_control.state import (
    BuildEntry,
    DeploymentEntry,
    ModelEntry,
    Outcome,
    Revision,
    RolloutEntry,
    RouteEntry,
    Stamp,
    State,
)


def write_snapshot(state: State) -> bytes:
    """Return *state*, encoded as a ControlSnapshot, in the same bytes for the same state."""
    message = pb.ControlSnapshot(
        next_offset=state.next_offset,
        models=[_write_model(entry) for _, entry in sorted(state.models.items())],
        routes=[_write_route(entry) for _, entry in sorted(state.routes.items())],
        deployments=[_write_deployment(entry) for _, entry in sorted(state.deployments.items())],
        seen=state.seen,
        builds=[_write_build(entry) for _, entry in sorted(state.builds.items())],
    )
    return message.SerializeToString(deterministic=True)


def read_snapshot(value: bytes) -> State:
    """Return the state that write_snapshot wrote; raises ControlError if *value* is none."""
    try:
        message = pb.ControlSnapshot.FromString(value)
    except DecodeError as error:
        raise ControlError(f"not a snapshot of the control state: {error}") from error
    if not all(each.revisions for each in message.routes):
        raise ControlError("not a snapshot of the control state: a route in it has no revision")
    try:
        return _read(message)
    except ValueError as error:
        raise ControlError(f"not a snapshot of the control state: {error}") from error


def _read(message: pb.ControlSnapshot) -> State:
    models = [_read_model(each) for each in message.models]
    routes = [_read_route(each) for each in message.routes]
    deployments = [_read_deployment(each) for each in message.deployments]
    return State(
        next_offset=message.next_offset,
        models=Map({f"{each.model.name}@{each.model.version}": each for each in models}),
        routes=Map({each.name: each for each in routes}),
        deployments=Map({each.deployment.name: each for each in deployments}),
        seen=Map(dict(message.seen)),
        builds=Map({each.build.service: _read_build(each) for each in message.builds}),
    )


def _write_stamp(stamp: Stamp) -> pb.SnapshotStamp:
    return pb.SnapshotStamp(
        offset=stamp.offset,
        control_id=stamp.control_id,
        author=stamp.author,
        at_us=stamp.at_us,
        reason=stamp.reason,
    )


def _read_stamp(stamp: pb.SnapshotStamp) -> Stamp:
    return Stamp(stamp.offset, stamp.control_id, stamp.author, stamp.at_us, stamp.reason)


def _write_model(entry: ModelEntry) -> pb.SnapshotModel:
    return pb.SnapshotModel(
        model=entry.model,
        stamp=_write_stamp(entry.stamp),
        removed=_write_stamp(entry.removed) if entry.removed else None,
        writers=sorted(entry.writers),
        approvals=map(_write_stamp, entry.approvals),
    )


def _read_model(message: pb.SnapshotModel) -> ModelEntry:
    return ModelEntry(
        message.model,
        _read_stamp(message.stamp),
        _read_stamp(message.removed) if message.HasField("removed") else None,
        frozenset(message.writers),
        tuple(map(_read_stamp, message.approvals)),
    )


def _write_route(entry: RouteEntry) -> pb.SnapshotRoute:
    return pb.SnapshotRoute(
        name=entry.name,
        revisions=[
            pb.SnapshotRevision(
                route=revision.route, stamp=_write_stamp(revision.stamp), qualities=revision.qualities
            )
            for revision in entry.revisions
        ],
        paused=_write_stamp(entry.paused) if entry.paused else None,
        rollout=_write_rollout(entry.rollout) if entry.rollout else None,
    )


def _write_rollout(rollout: RolloutEntry) -> pb.SnapshotRollout:
    return pb.SnapshotRollout(
        plan=rollout.plan,
        base=rollout.base,
        step=rollout.step,
        outcome=rollout.outcome,
        stamp=_write_stamp(rollout.stamp),
        detail=rollout.detail,
    )


def _read_rollout(message: pb.SnapshotRollout) -> RolloutEntry:
    return RolloutEntry(
        message.plan,
        message.base,
        message.step,
        Outcome(message.outcome),
        _read_stamp(message.stamp),
        message.detail,
    )


def _read_route(message: pb.SnapshotRoute) -> RouteEntry:
    revisions = (
        Revision(number, each.route, _read_stamp(each.stamp), dict(each.qualities))
        for number, each in enumerate(message.revisions, start=1)
    )
    paused = _read_stamp(message.paused) if message.HasField("paused") else None
    rollout = _read_rollout(message.rollout) if message.HasField("rollout") else None
    return RouteEntry(message.name, tuple(revisions), paused, rollout)


def _write_build(entry: BuildEntry) -> pb.SnapshotBuild:
    return pb.SnapshotBuild(build=entry.build, number=entry.number, stamp=_write_stamp(entry.stamp))


def _read_build(message: pb.SnapshotBuild) -> BuildEntry:
    return BuildEntry(message.build, message.number, _read_stamp(message.stamp))


def _write_deployment(entry: DeploymentEntry) -> pb.SnapshotDeployment:
    return pb.SnapshotDeployment(
        deployment=entry.deployment,
        generation=entry.generation,
        stamp=_write_stamp(entry.stamp),
        removed=_write_stamp(entry.removed) if entry.removed else None,
    )


def _read_deployment(message: pb.SnapshotDeployment) -> DeploymentEntry:
    removed = _read_stamp(message.removed) if message.HasField("removed") else None
    return DeploymentEntry(message.deployment, message.generation, _read_stamp(message.stamp), removed)
