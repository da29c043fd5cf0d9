"""All that the gateway can refuse, in the one form that callers get: RFC 9457 problem details."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple


class Kind(NamedTuple):
    """One sort of problem: its HTTP status and its title."""

    status: int
    title: str


KINDS: Final[Mapping[str, Kind]] = {
    "malformed-json": Kind(400, "The body is not JSON"),
    "bad-document": Kind(400, "The document does not have the form that is asked for"),
    "bad-id": Kind(400, "The request id cannot be used"),
    "bad-budget": Kind(400, "The budget cannot be used"),
    "bad-model": Kind(400, "The model's name cannot be used"),
    "bad-request": Kind(400, "The request cannot be understood"),
    "unknown-route": Kind(404, "There is no such route"),
    "not-found": Kind(404, "There is nothing at this address"),
    "method-not-allowed": Kind(405, "This address does not take this method"),
    "body-timeout": Kind(408, "The body did not come in time"),
    "id-conflict": Kind(409, "The request id belongs to another question"),
    "too-large": Kind(413, "The request is too large"),
    "unsupported-media-type": Kind(415, "This content type is not taken"),
    "bad-field": Kind(422, "A field does not fit what the route declares"),
    "too-many-requests": Kind(429, "More requests are in flight than the gateway takes"),
    "internal": Kind(500, "The gateway failed"),
    "not-ready": Kind(503, "The gateway is not ready"),
    "stopping": Kind(503, "The gateway is stopping"),
    "refused": Kind(503, "The route is not in effect yet"),
}


class GatewayError(Exception):
    """The root of this package's errors."""


class ProblemError(GatewayError):
    """
    A request that cannot be taken, as its caller is told.

    *code* is one of KINDS; *detail* says what is wrong with this one, *field* where, *hint* what to do;
    *errors* lists further (field, detail) pairs; *retry_after_s* is when trying again makes sense.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        field: str = "",
        hint: str = "",
        errors: Sequence[tuple[str, str]] = (),
        retry_after_s: int = 0,
    ) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.hint = hint
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return KINDS[self.code].status

    def document(self) -> dict[str, object]:
        """Return the problem as a JSON object."""
        kind = KINDS[self.code]
        found: dict[str, object] = {
            "type": f"/docs#{self.code}",
            "title": kind.title,
            "status": kind.status,
            "code": self.code,
            "detail": self.detail,
        }
        if self.field:
            found["field"] = self.field
        if self.hint:
            found["hint"] = self.hint
        if self.errors:
            found["errors"] = [{"field": field, "detail": detail} for field, detail in self.errors]
        return found
