"""One request to one input: stamped with a revision, with its features or with the reason for having none."""

from typing import Final, NamedTuple

from rendezvous_contracts.errors import BadNameError
from rendezvous_contracts.names import parse_model_id
from rendezvous_runtime.clock import Now
from rendezvous_runtime.stream import Record
from scoring.v1.input_pb2 import InputFrame

from rendezvous_feature_extractor.features import NoFeaturesError, encoded_features
from rendezvous_feature_extractor.metrics import Outcome
from rendezvous_feature_extractor.plans import Plan
from rendezvous_feature_extractor.wire import Asked, record_time_us

# What the head of an input may hold. Longer than any name of a route can be, so that none is made up.
_MAX_ROUTE: Final = 80
_MAX_KEY: Final = 256
_MAX_PROBLEM: Final = 1_000


class Builds(NamedTuple):
    """Which builds go on with an input, as it says them: see input.proto."""

    answering: str = ""
    next: str = ""
    control_offset: int = 0


_DEFAULT_BUILDS: Final = Builds()


class Stamped(NamedTuple):
    """An encoded Input, what kind it is, and whether the request's own stamp was from the future."""

    value: bytes
    outcome: Outcome
    future: bool


def stamp(
    record: Record,
    request: Asked,
    plan: Plan | None,
    now: Now,
    *,
    max_bytes: int,
    pin_problem: str = "",
    builds: Builds = _DEFAULT_BUILDS,
) -> Stamped:
    """
    Return the input of *request*, read from *record*, under *plan*; None: there is no such route.

    Where the input would have more than *max_bytes*, it is one with a problem and without the request.
    """
    frame = _head(record, request, plan, now)
    outcome = _fill(frame, request, plan)
    if frame.model:
        frame.model_problem = pin_problem
    if builds != _DEFAULT_BUILDS:
        frame.answering_build, frame.next_build, frame.control_offset = builds
    future = _tame(frame, plan, now)
    value = frame.SerializeToString()
    if len(value) > max_bytes:
        frame.problem = f"the input would have {len(value)} bytes; at most {max_bytes} are allowed"
        frame.ClearField("features")
        frame.ClearField("request")
        return Stamped(frame.SerializeToString(), Outcome.PROBLEM, future)
    return Stamped(value, outcome, future)


def _head(record: Record, request: Asked, plan: Plan | None, now: Now) -> InputFrame:
    sla_us = plan.sla_us if plan else 0
    return InputFrame(
        id=request.id,
        route=request.route[:_MAX_ROUTE],
        revision=plan.revision if plan else 0,
        sent_at_us=request.sent_at_us or record_time_us(record) or now.wall,
        budget_us=min(request.budget_us or sla_us, sla_us),
        digest=request.digest,
        extracted_at_us=now.wall,
        extractor=plan.extraction.name if plan else "",
        request_offset=record.offset(),
        request=record.value() or b"",
    )


def _fill(frame: InputFrame, request: Asked, plan: Plan | None) -> Outcome:
    """Give *frame* its features, or its problem."""
    if plan is None:
        frame.problem = f"there is no route {frame.route!r}"
        return Outcome.UNKNOWN_ROUTE
    try:
        _name(frame, request, plan)
        frame.features = encoded_features(plan, request.values, request.fields)
    except NoFeaturesError as error:
        frame.problem = str(error)[:_MAX_PROBLEM]
        return Outcome.PROBLEM
    return Outcome.EXTRACTED


def _name(frame: InputFrame, request: Asked, plan: Plan) -> None:
    key = request.key or _key(request, plan)
    if len(key) > _MAX_KEY:
        raise NoFeaturesError(f"request: key has {len(key)} characters; at most {_MAX_KEY} are allowed")
    frame.key = key
    if request.model:
        try:
            frame.model = str(parse_model_id(request.model))
        except BadNameError as error:
            raise NoFeaturesError(f"request: model: {error}") from error


def _key(request: Asked, plan: Plan) -> str:
    """Return what the route's key field holds, as text; empty where it holds nothing or what is no name."""
    value = request.values.get(plan.key) if plan.key else None
    return str(value) if isinstance(value, str | int | float) else ""


def _tame(frame: InputFrame, plan: Plan | None, now: Now) -> bool:
    """
    Replace a stamp from the future, beyond one SLA, by now, and return whether there was one.

    The rendezvous clamps what a wrong clock does to the budget; records and statistics would carry it on.
    """
    future = frame.sent_at_us > now.wall + (plan.sla_us if plan else 0)
    if future:
        frame.sent_at_us = now.wall
    return future
