"""
Ask, send and control from Python.

What is named here is imported when it is first used: who reads the control log need not load what asks over
HTTP.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rendezvous_client.aio import AsyncClient
    from rendezvous_client.answers import Answered
    from rendezvous_client.asking import Asker
    from rendezvous_client.client import Changed, Client
    from rendezvous_client.control import ControlPublisher, ControlReader, new_control, read_state
    from rendezvous_client.errors import ClientError, RefusedError, TimedOutError
    from rendezvous_client.following import Followed, follow, follow_answers, follow_decisions
    from rendezvous_client.gateway import AsyncGatewayAsker, GatewayAsker
    from rendezvous_client.kafka import Kafka
    from rendezvous_client.log import Bound, Entry, read_log, read_state_at
    from rendezvous_client.outcomes import Outcome
    from rendezvous_client.questions import Question
    from rendezvous_client.status import StatusReader, read_status, wait_applied

__all__ = [
    "Answered",
    "Asker",
    "AsyncClient",
    "AsyncGatewayAsker",
    "Bound",
    "Changed",
    "Client",
    "ClientError",
    "ControlPublisher",
    "ControlReader",
    "Entry",
    "Followed",
    "GatewayAsker",
    "Kafka",
    "Outcome",
    "Question",
    "RefusedError",
    "StatusReader",
    "TimedOutError",
    "follow",
    "follow_answers",
    "follow_decisions",
    "new_control",
    "read_log",
    "read_state",
    "read_state_at",
    "read_status",
    "wait_applied",
]

_MODULES: Final = {
    "answers": ("Answered",),
    "aio": ("AsyncClient",),
    "asking": ("Asker",),
    "client": ("Changed", "Client"),
    "control": ("ControlPublisher", "ControlReader", "new_control", "read_state"),
    "errors": ("ClientError", "RefusedError", "TimedOutError"),
    "following": ("Followed", "follow", "follow_answers", "follow_decisions"),
    "gateway": ("AsyncGatewayAsker", "GatewayAsker"),
    "kafka": ("Kafka",),
    "log": ("Bound", "Entry", "read_log", "read_state_at"),
    "outcomes": ("Outcome",),
    "questions": ("Question",),
    "status": ("StatusReader", "read_status", "wait_applied"),
}
_HOMES: Final = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
