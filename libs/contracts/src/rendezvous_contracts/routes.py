"""What a route says, where more than one service has to read it in the same way."""

from collections.abc import Mapping
from typing import Final

from scoring.v1.control_pb2 import Combination, Combined, Route, Tier, Weighted

from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.shares import format_share

ANY: Final = "any"
BEST_QUALITY: Final = "best-quality"
COMBINATIONS: Final[Mapping[str, "Combination.ValueType"]] = {
    "majority": Combination.COMBINATION_MAJORITY,
    "median": Combination.COMBINATION_MEDIAN,
    "mean": Combination.COMBINATION_MEAN,
}
COMBINATION_NAMES: Final[Mapping[int, str]] = {number: name for name, number in COMBINATIONS.items()}


def ranked_models(route: Route) -> tuple[str, ...]:
    """
    Return the models (name@version) that can answer on *route*, best first.

    That is its `models`, completed by the names of its schedule in their order; not its shadows, and not its
    canary unless a tier or the list names it.
    """
    named = [model for tier in route.schedule for model in named_models(tier)]
    return tuple(dict.fromkeys([*route.models, *named]))


def named_models(tier: Tier) -> tuple[str, ...]:
    """Return the models that *tier* names, in its order; none where it chooses from all of the route."""
    match tier.WhichOneof("use"):
        case "model":
            return (tier.model,)
        case "weighted":
            return tuple(share.model for share in tier.weighted.shares)
        case "combined":
            return tuple(tier.combined.models)
        case _:
            return ()


def choosable_models(route: Route, tier: Tier) -> tuple[str, ...]:
    """Return the models that *tier* of *route* can answer with or by."""
    weighted = tier.weighted.shares if tier.WhichOneof("use") == "weighted" else ()
    idle = {share.model for share in weighted if not share.share}
    models = named_models(tier) or ranked_models(route)
    return tuple(model for model in models if model not in idle)


def champions(route: Route) -> tuple[str, ...]:
    """Return the models that the first tier of *route* can choose."""
    return choosable_models(route, route.schedule[0]) if route.schedule else ()


def scoring_models(route: Route) -> tuple[str, ...]:
    """Return every model that scores the inputs of *route*: ranked, shadows and canary, each once."""
    canary = [route.canary] if route.canary else []
    return tuple(dict.fromkeys([*ranked_models(route), *route.shadows, *canary]))


def late_window_us(route: Route) -> int:
    """Return how long a mailbox of *route* stays open after its deadline, in microseconds."""
    return route.late_us or route.sla_us


def describe_tier(tier: Tier) -> str:
    """Return the rule of *tier* as answers show it: "use wine-forest@3", "after 35ms use any"."""
    used = f"use {describe_use(tier)}"
    return f"after {format_duration(tier.after_us)} {used}" if tier.after_us else used


def describe_use(tier: Tier) -> str:
    """Return what *tier* uses, for people."""
    match tier.WhichOneof("use"):
        case "model":
            return tier.model
        case "weighted":
            return _describe_weighted(tier.weighted)
        case "combined":
            return _describe_combined(tier.combined)
        case "best_quality":
            return BEST_QUALITY
        case _:
            return ANY


def _describe_weighted(weighted: Weighted) -> str:
    return ", ".join(f"{format_share(share.share)} {share.model}" for share in weighted.shares)


def _describe_combined(combined: Combined) -> str:
    kind = COMBINATION_NAMES.get(combined.combination, "unknown")
    field = f" {combined.field}" if combined.field else ""
    return f"{kind}{field} of at least {combined.at_least} of {', '.join(combined.models)}"
