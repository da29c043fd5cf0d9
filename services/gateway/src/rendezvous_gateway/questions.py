"""From what a caller sends to a Question: everything that can be refused before the log sees it."""

import re
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Final, NamedTuple

from rendezvous_contracts.digest import body_digest, request_body
from rendezvous_contracts.errors import BadNameError, BadValueError
from rendezvous_contracts.names import check_request_id, parse_model_id
from rendezvous_contracts.values import to_fields
from rendezvous_control.state import Revision, RouteEntry
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.stream import Headers

from rendezvous_gateway.admission import Question
from rendezvous_gateway.documents import object_member, only_members, text_member
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.values import RecordReader

BUDGET_HEADER: Final = "X-Rendezvous-Budget-Ms"
MODEL_HEADER: Final = "X-Rendezvous-Model"
ID_HEADERS: Final = ("Idempotency-Key", "X-Request-Id")
_BUDGET: Final = re.compile(r"\d{1,9}(\.\d{1,6})?")
_TRACE: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ASK_MEMBERS: Final = ("fields", "id", "key", "model")
_LISTED: Final = 20  # routes in one answer


class Terms(NamedTuple):
    """What the headers of an HTTP request say about all questions in it."""

    budget_us: int = 0
    request_id: str = ""
    headers: Headers | None = None
    model: str = ""


class Ask(NamedTuple):
    """One question as its caller put it: fields as JSON values."""

    fields: Mapping[str, object]
    id: str = ""
    key: str = ""
    model: str = ""


class Questions:
    """
    Makes questions under the current control state.

    *max_bytes* is the largest request as a record. *started* tells whether the control log was read to its
    end: before that, a route that is not there may come yet.
    """

    def __init__(self, control: ControlView, max_bytes: int, started: Callable[[], bool]) -> None:
        self._control = control
        self._max_bytes = max_bytes
        self._started = started
        self._readers: dict[str, tuple[Revision, RecordReader]] = {}

    def routes(self) -> list[RouteEntry]:
        """Return all routes, by name."""
        return [entry for _, entry in sorted(self._control.state.routes.items())]

    def revision(self, route: str) -> Revision:
        """Return the current revision of *route*; raises ProblemError that lists those there are."""
        entry = self._control.state.routes.get(route)
        if entry is not None:
            return entry.current
        if not self._started():
            raise ProblemError("not-ready", "this gateway is still reading the routes", retry_after_s=1)
        names = [each.name for each in self.routes()]
        if not names:
            hint = (
                "no route is configured yet: publish one, for example with `rendezvous apply -f route.yaml`"
            )
        else:
            more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
            hint = f"the routes are {', '.join(names[:_LISTED])}{more}"
        raise ProblemError("unknown-route", f"there is no route {route[:80]!r}", field="route", hint=hint)

    def make(self, revision: Revision, ask: Ask, terms: Terms) -> Question:
        """Return *ask* as a question on the route of *revision*; raises ProblemError."""
        values = self._reader(revision).read(ask.fields)
        request_id = _request_id(ask.id, terms.request_id)
        try:
            fields = to_fields(values).SerializeToString(deterministic=True)
            body = request_body(revision.route.name, fields, ask.key, _model(ask.model, terms.model))
        except BadValueError as error:
            raise ProblemError("bad-field", str(error)) from None
        except UnicodeEncodeError:
            raise ProblemError("bad-document", "a text holds half of a surrogate pair: send UTF-8") from None
        if len(body) > self._max_bytes:
            raise ProblemError("too-large", f"the request takes {len(body)} bytes of {self._max_bytes}")
        return Question(request_id, revision, body_digest(body), body, terms.budget_us, terms.headers)

    def _reader(self, revision: Revision) -> RecordReader:
        found = self._readers.get(revision.route.name)
        if found is None or found[0] is not revision:
            found = (revision, RecordReader(tuple(revision.route.inputs)))
            self._readers[revision.route.name] = found
        return found[1]


def read_ask(document: Mapping[str, object]) -> Ask:
    """Return the question that *document* asks; raises ProblemError if it has another form."""
    only_members(document, _ASK_MEMBERS, "a question")
    return Ask(
        object_member(document, "fields"),
        text_member(document, "id"),
        text_member(document, "key"),
        text_member(document, "model"),
    )


def read_terms(headers: Mapping[str, str]) -> Terms:
    """Return what HTTP *headers* say; raises ProblemError for a budget that is not one."""
    given = {headers[name].strip('"') for name in ID_HEADERS if name in headers}
    if len(given) > 1:
        raise ProblemError("bad-id", f"{' and '.join(ID_HEADERS)} name different ids: send one of them")
    trace = headers.get("traceparent", "")
    return Terms(
        _budget_us(headers.get(BUDGET_HEADER)),
        given.pop() if given else "",
        [("traceparent", trace.encode())] if _TRACE.fullmatch(trace) else None,
        headers.get(MODEL_HEADER, ""),
    )


def _budget_us(text: str | None) -> int:
    if text is None:
        return 0
    budget_us = round(float(text) * 1000) if _BUDGET.fullmatch(text.strip()) else 0
    if budget_us < 1:
        raise ProblemError(
            "bad-budget",
            f"{BUDGET_HEADER}: {text[:40]!r} is not a positive number of milliseconds",
            field=BUDGET_HEADER,
            hint="like 25 or 12.5; a value above the route's SLA counts as the SLA",
        )
    return min(budget_us, 2**32 - 1)


def _request_id(in_body: str, in_header: str) -> str:
    if in_body and in_header and in_body != in_header:
        raise ProblemError(
            "bad-id", "the body and the header name different ids: send one of them", field="id"
        )
    given = in_body or in_header
    if not given:
        return token_hex(16)
    try:
        return check_request_id(given)
    except BadNameError as error:
        raise ProblemError("bad-id", str(error), field="id") from None


def _model(in_body: str, in_header: str) -> str:
    if in_body and in_header and in_body != in_header:
        raise ProblemError(
            "bad-model", "the body and the header name different models: send one of them", field="model"
        )
    text = in_body or in_header
    if not text:
        return ""
    try:
        return str(parse_model_id(text))
    except BadNameError as error:
        raise ProblemError("bad-model", str(error), field="model") from None
