"""What a route's revision asks of its requests, compiled once: limits, declared inputs, extraction."""

from dataclasses import dataclass

from rendezvous_contracts.errors import BadExtractorError
from rendezvous_contracts.extraction import Extraction, compile_extractor
from rendezvous_contracts.fields import FieldChecker
from rendezvous_control.state import Revision, State
from scoring.v1.control_pb2 import Route


@dataclass(frozen=True, slots=True)
class Plan:
    """
    One revision of a route, ready to run.

    *checker*: None where any fields are welcome. *key*: the field that says which key a request has if it
    does not say so itself. *flaw*: why this revision cannot extract at all; the
    control fold refuses such a route, so only a log written by other means has one.
    """

    route: str
    revision: int
    sla_us: int
    extraction: Extraction
    checker: FieldChecker | None = None
    flaw: str = ""
    key: str = ""


class Plans:
    """The plan of each route's newest revision, compiled when it is first wanted. Not thread-safe."""

    def __init__(self) -> None:
        self._plans: dict[str, Plan] = {}

    def current(self, state: State, route: str) -> Plan | None:
        """
        Return the plan of the current revision of *route* in *state*; None if there is no such route.

        A state older than one seen before never takes a route back to an older revision.
        """
        plan = self._plans.get(route)
        entry = state.routes.get(route)
        if entry is None:
            return plan
        if plan is None or plan.revision < entry.current.number:
            plan = self._plans[route] = compile_plan(entry.current)
        return plan


def compile_plan(revision: Revision) -> Plan:
    """Return *revision* ready to run; a route that cannot extract becomes a plan with a flaw."""
    route = revision.route
    try:
        extraction, flaw = compile_extractor(route.extractor), ""
    except BadExtractorError as error:
        extraction = Extraction(route.extractor.name, 0, dict)
        flaw = f"revision {revision.number} of route {route.name} cannot extract: {error}"
    return Plan(route.name, revision.number, route.sla_us, extraction, _checker(route), flaw, route.key)


def _checker(route: Route) -> FieldChecker | None:
    return FieldChecker(route.inputs, extras=False) if route.inputs else None
