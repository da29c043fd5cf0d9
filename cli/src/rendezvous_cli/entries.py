"""The control log as rows: pure, from its entries to what is shown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from google.protobuf.message import Message
from google.protobuf.text_format import MessageToString
from rendezvous_client.log import Bound, Entry
from rendezvous_contracts.changes import change_subject
from rendezvous_contracts.names import ModelId
from rendezvous_contracts.routes import describe_tier, scoring_models
from rendezvous_contracts.shares import format_share
from rendezvous_control.judging import verdict_name
from rendezvous_control.state import State
from scoring.v1.control_pb2 import (
    AddModel,
    ApproveModel,
    Control,
    Deploy,
    Deployment,
    RampRoute,
    RemoveModel,
    RollbackRoute,
    ScaleDeployment,
    SetRoute,
    StartRollout,
    StepRollout,
    UpdateModel,
)

from rendezvous_cli.moments import format_time

Row = dict[str, object]

AUDIT_COLUMNS = ("offset", "at", "author", "change", "about", "says", "result", "why", "reason")
HISTORY_COLUMNS = ("revision", "change", "says", "author", "at", "reason", "offset")


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    Which entries are wanted; what is empty is not asked for.

    *model*: a name, or name@version, that the change is about or names. *search*: a text in any field, in
    upper or lower case. *since*: not before this offset or time.
    """

    author: str = ""
    model: str = ""
    route: str = ""
    search: str = ""
    since: Bound | None = None


def audit_rows(entries: Iterable[Entry], wanted: Wanted) -> list[Row]:
    """Return the entries that are wanted, oldest first."""
    return [_audit_row(entry) for entry in entries if _is_wanted(entry, wanted)]


def _audit_row(entry: Entry) -> Row:
    message = entry.message or Control()
    refused = entry.refused
    return {
        "offset": entry.offset,
        "at": format_time(entry.at_us),
        "author": message.author,
        "change": change_name(message),
        "about": change_subject(message)[1],
        "says": describe_change(message),
        "result": "applied" if refused is None else "unchanged" if refused.unchanged else "refused",
        "why": refused.reason if refused else "",
        "reason": message.reason,
        "id": message.id,
        "signed": entry.signed,
    }


def _is_wanted(entry: Entry, wanted: Wanted) -> bool:
    if wanted.since is not None and not _is_since(entry, wanted.since):
        return False
    message = entry.message
    if message is None:
        return not (wanted.author or wanted.model or wanted.route or wanted.search)
    if wanted.author and message.author != wanted.author:
        return False
    if wanted.route and wanted.route not in routes_of(message):
        return False
    if wanted.model and not any(_is_model(name, wanted.model) for name in models_of(message)):
        return False
    return not wanted.search or wanted.search.lower() in _text(entry, message).lower()


def _is_since(entry: Entry, since: Bound) -> bool:
    return entry.offset >= (since.offset or 0) and entry.at_us >= (since.at_us or 0)


def _is_model(name: str, wanted: str) -> bool:
    return name == wanted or ("@" not in wanted and name.partition("@")[0] == wanted)


def _text(entry: Entry, message: Control) -> str:
    refused = entry.refused.reason if entry.refused else ""
    said: Message = message
    return "\n".join([refused, describe_change(message), MessageToString(said, as_utf8=True)])


def models_of(message: Control) -> tuple[str, ...]:
    """Return the models (name@version; of a deployment also a bare name) that *message* is about or names."""
    match _change(message):
        case AddModel() | UpdateModel() as change:
            return (str(ModelId(change.model.name, change.model.version)),)
        case RemoveModel() | ApproveModel() as change:
            return (str(ModelId(change.name, change.version)),)
        case SetRoute() as change:
            return scoring_models(change.route)
        case StartRollout() as change:
            return (change.to,)
        case RampRoute() as change:
            return tuple(share.model for share in change.shares)
        case Deploy() as change:
            return (change.deployment.model or change.deployment.versions_of,)
        case _:
            return ()


def routes_of(message: Control) -> tuple[str, ...]:
    """Return the routes that *message* is about or names."""
    kind, name = change_subject(message)
    change = _change(message)
    if isinstance(change, Deploy):
        return (change.deployment.route,)
    return (name,) if kind == "route" else ()


def change_name(message: Control) -> str:
    """Return what *message* asks for, for people: "set route"."""
    return (message.WhichOneof("change") or "").replace("_", " ")


def describe_change(message: Control) -> str:
    """Return what *message* says of its subject, in one line."""
    match _change(message):
        case AddModel() | UpdateModel() as change:
            model = change.model
            return f"{model.type}, {model.artifact.size} bytes, quality {model.quality:g}"
        case SetRoute() as change:
            return "; ".join(map(describe_tier, change.route.schedule)) or "no model"
        case RollbackRoute() as change:
            return f"to revision {change.to_revision}"
        case Deploy() as change:
            return describe_deployment(change.deployment)
        case ScaleDeployment() as change:
            return f"{change.replicas} replicas"
        case change:
            return _describe_course(change)


def _describe_course(change: object) -> str:
    match change:
        case RampRoute():
            shares = ", ".join(f"{format_share(share.share)} {share.model}" for share in change.shares)
            return f"tier {change.tier or 1}: {shares}"
        case StartRollout():
            return f"{change.to} in steps of {', '.join(map(format_share, change.steps))}"
        case StepRollout():
            return f"step {change.step} {verdict_name(change.verdict)}: {change.detail}"
        case _:
            return ""


def describe_deployment(deployment: Deployment) -> str:
    """Return what is to run, in one line."""
    hosts = deployment.WhichOneof("hosts") or ""
    named = getattr(deployment, hosts) if hosts else ""
    words = "versions of " if hosts == "versions_of" else "route " if hosts == "route" else ""
    return f"{deployment.replicas} x {words}{named}"


def _change(message: Control) -> object:
    kind = message.WhichOneof("change")
    return getattr(message, kind) if kind else None


def history_rows(state: State, entries: Sequence[Entry], route: str) -> list[Row]:
    """Return the course of *route*, newest first: its revisions, and when it was paused and resumed."""
    revisions = {revision.stamp.offset: revision for revision in state.routes[route].revisions}
    rows: list[Row] = []
    for entry in reversed(entries):
        message = entry.message
        if message is None or entry.refused or change_subject(message) != ("route", route):
            continue
        revision = revisions.get(entry.offset)
        tiers = revision.route.schedule if revision else ()
        rows.append(
            {
                "revision": revision.number if revision else None,
                "change": change_name(message),
                "says": _says(message, "; ".join(map(describe_tier, tiers)), revised=revision is not None),
                "author": message.author,
                "at": format_time(message.at_us),
                "reason": message.reason,
                "offset": entry.offset,
                "id": message.id,
            }
        )
    return rows


def _says(message: Control, rules: str, *, revised: bool) -> str:
    """Return what *message* says of a roll-out, if it does, and the rules of the revision that it made."""
    of_rollout = isinstance(_change(message), StartRollout | StepRollout)
    parts = (describe_change(message) if of_rollout else "", rules or ("no model" if revised else ""))
    return "; ".join(filter(None, parts))
