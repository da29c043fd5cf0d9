"""The services: who is there, how far along the control log, and how far behind the stream. Pure."""

from collections.abc import Iterator

from rendezvous_control.state import State
from scoring.v1.status_pb2 import DeploymentState, DeploymentStatus, Status

from rendezvous_gateway.screen.markup import EMPTY, Html, join, tag
from rendezvous_gateway.screen.pieces import Row, ago, badge, lines, section, table
from rendezvous_gateway.screen.seen import Heard, Snapshot

_COLUMNS = ("Instance", "State", "Control log", "Lag", "Heard", "Service")
_DEPLOYED = {
    DeploymentState.DEPLOYMENT_STATE_PROGRESSING: ("busy", "progressing"),
    DeploymentState.DEPLOYMENT_STATE_READY: ("good", "ready"),
    DeploymentState.DEPLOYMENT_STATE_FAILED: ("bad", "failed"),
    DeploymentState.DEPLOYMENT_STATE_DRAINING: ("quiet", "draining"),
}


def services_section(state: State, snapshot: Snapshot) -> Html:
    """Return who has been heard on `status`, and what is to run."""
    if not snapshot.instances:
        return section("services", "Services", tag("p", "Listening for the services: nobody was heard yet."))
    rows = [_instance(heard, state.next_offset, snapshot) for _, heard in sorted(snapshot.instances.items())]
    return section("services", "Services", table("Services", _COLUMNS, rows), _deployments(snapshot))


def _instance(heard: Heard, applied: int, snapshot: Snapshot) -> Row:
    status = heard.status
    kind, word = _word(heard, snapshot)
    behind = applied - status.control_offset
    control = f"{status.control_offset} applied"
    cells = (
        join(badge(kind, word), f" {status.detail}" if status.detail else ""),
        lines([control, *_behind(behind), *_refusals(status)]),
        f"{status.lag_records:,} records",
        ago(snapshot.at_us - heard.at_us),
        status.service,
    )
    return Row(f"instance-{status.instance}", status.instance, cells, f"{status.instance} is {word}")


def _word(heard: Heard, snapshot: Snapshot) -> tuple[str, str]:
    if heard.status.stopping:
        return "quiet", "stopped"
    if snapshot.is_silent(heard):
        return "bad", "silent"
    return ("good", "ready") if heard.status.ready else ("busy", "not ready")


def _behind(behind: int) -> Iterator[Html]:
    if behind > 0:
        yield badge("busy", f"{behind} behind this gateway")


def _refusals(status: Status) -> Iterator[str]:
    for refusal in list(status.refusals)[-1:]:
        yield f"refused at {refusal.offset}: {refusal.reason}"


def _deployments(snapshot: Snapshot) -> Html:
    found = {each.deployment: each for heard in snapshot.living() for each in heard.status.deployments}
    if not found:
        return EMPTY
    rows = [_deployment(each) for _, each in sorted(found.items())]
    return table("Deployments", ("Deployment", "State", "Ready", "Running", "Restarts"), rows)


def _deployment(each: DeploymentStatus) -> Row:
    kind, word = _DEPLOYED.get(each.state, ("quiet", "unknown"))
    state = join(badge(kind, word), f" {each.reason}" if each.reason else "")
    cells = (state, f"{each.ready} of {each.wanted}", str(each.running), str(each.restarts))
    return Row(
        f"deployment-{each.deployment}", each.deployment, cells, f"Deployment {each.deployment} is {word}"
    )
