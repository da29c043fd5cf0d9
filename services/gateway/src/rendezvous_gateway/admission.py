"""What goes into the desk and what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from rendezvous_control.state import Revision
from rendezvous_runtime.stream import Headers, Send

from rendezvous_gateway.memory import Reply

Waiter = Callable[[Reply], None]


class Question(NamedTuple):
    """A validated request: *body* is its encoded content, *budget_us* 0 means the route's SLA."""

    id: str
    revision: Revision
    digest: int
    body: bytes
    budget_us: int = 0
    headers: Headers | None = None


class Arrived(NamedTuple):
    """An answer as the log brought it."""

    reply: Reply
    encoded: bytes


class Limits(NamedTuple):
    """When requests are refused, and how long a default waits after its deadline, in microseconds."""

    tolerance_us: int
    pending: int
    backlog: int
    remember_bytes: int


class Admitted(NamedTuple):
    """The question waits for its answer; *send* has to be produced unless it waits already."""

    send: Send | None


class Answered(NamedTuple):
    """The question is a repeat of one that is answered: this is its answer."""

    reply: Reply


class Refused(NamedTuple):
    """The question is not taken; *code* is one of problems.KINDS."""

    code: str
    reason: str
    retry_after_s: int = 0


@dataclass(slots=True)
class Tally:
    """What became of requests and answers, counted since the start."""

    admitted: int = 0
    repeated: int = 0  # questions
    refused: int = 0
    answered: int = 0
    defaulted: int = 0
    late: int = 0  # answers after the gateway's own default
    duplicate: int = 0  # answers
    unknown: int = 0  # answers that nobody here asked for
