"""What holds for a route, given the models that are registered."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.extraction import check_extractor
from rendezvous_contracts.names import check_name, parse_model_id
from rendezvous_contracts.routes import (
    COMBINATION_NAMES,
    describe_tier,
    describe_use,
    named_models,
    ranked_models,
    scoring_models,
)
from rendezvous_contracts.shares import WHOLE, format_share
from scoring.v1.control_pb2 import Combination, Combined, Route, Share, Tier

from rendezvous_control.checks import check_default, check_fields, check_no_repeat, check_text
from rendezvous_control.errors import ControlError
from rendezvous_control.model_changes import registered
from rendezvous_control.state import State

_FIELD_LENGTH: Final = 128


def check_route(state: State, route: Route) -> None:
    """Raise ControlError or ContractError with the first thing that is wrong with *route*."""
    check_name(route.name, "route name")
    if route.sla_us == 0:
        raise ControlError("the SLA is 0: say how long an asker may wait")
    _check_schedule(route)
    _check_models(state, route)
    check_default(route.default)
    check_fields(route.inputs, "inputs")
    _check_key(route)
    check_extractor(route.extractor)


def _check_schedule(route: Route) -> None:
    for place, tier in enumerate(route.schedule, start=1):
        _check_tier(tier, route, f"tier {place}")
    for earlier, later in pairwise(route.schedule):
        if later.after_us < earlier.after_us:
            raise ControlError(
                f"tier {describe_tier(later)!r} stands behind a later one: order tiers by time"
            )
    check_no_repeat(map(describe_use, route.schedule), "in the schedule,")


def _check_tier(tier: Tier, route: Route, where: str) -> None:
    _check_use(tier, where)
    if tier.after_us >= route.sla_us:
        sla = format_duration(route.sla_us)
        raise ControlError(
            f"{where}, {describe_tier(tier)!r}, begins when the SLA of {sla} is over: make it earlier"
        )
    if not named_models(tier) and not ranked_models(route):
        raise ControlError(
            f"{where} uses {describe_use(tier)}, but there is nothing to choose from: name models"
        )


def _check_use(tier: Tier, where: str) -> None:
    match tier.WhichOneof("use"):
        case "weighted":
            check_shares(tier.weighted.shares, where)
        case "combined":
            _check_combined(tier.combined, where)
        case "model" | "any" | "best_quality" as use if getattr(tier, use):
            pass
        case _:
            raise ControlError(f"{where} uses nothing: name a model or say any")


def check_shares(shares: Iterable[Share], where: str) -> None:
    """Raise ControlError unless *shares* divide the whole among different models."""
    divided = list(shares)
    check_no_repeat((share.model for share in divided), f"{where}, weighted,")
    total = sum(share.share for share in divided)
    if total != WHOLE:
        raise ControlError(f"{where}: the shares make {format_share(total)}: they have to make 100%")


def _check_combined(combined: Combined, where: str) -> None:
    name = COMBINATION_NAMES.get(combined.combination)
    if name is None:
        raise ControlError(f"{where} combines in a way that this version does not know")
    check_no_repeat(combined.models, f"{where}, {name},")
    if not 1 <= combined.at_least <= len(combined.models):
        raise ControlError(
            f"{where}: {name} of at least {combined.at_least} of {len(combined.models)} models: "
            "ask for 1 or more of those that it names"
        )
    votes = combined.combination == Combination.COMBINATION_MAJORITY
    if votes:
        check_text(combined.field, f"the field of {where}'s majority", maximum=_FIELD_LENGTH)
    elif combined.field:
        raise ControlError(f"{where}: only a majority is about one field: leave {combined.field[:80]!r} out")


def _check_key(route: Route) -> None:
    if route.key and route.key not in {field.name for field in route.inputs}:
        raise ControlError(f"the key {route.key[:80]!r} is none of the route's inputs: declare it there")


def _check_models(state: State, route: Route) -> None:
    for name in scoring_models(route):
        parse_model_id(name)
        registered(state, name)
    check_no_repeat(route.models, "in models,")
    check_no_repeat(route.shadows, "in shadows,")
    for shadow in route.shadows:
        if shadow in ranked_models(route):
            raise ControlError(
                f"{shadow} is a shadow, which is never chosen, and also in models or the schedule"
            )
