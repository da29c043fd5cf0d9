"""What a route says, where more than one service has to read it in the same way."""

from scoring.v1.control_pb2 import Route, Tier

from rendezvous_contracts.durations import format_duration


def ranked_models(route: Route) -> tuple[str, ...]:
    """
    Return the models (name@version) that can answer on *route*, best first.

    That is its `models`, completed by the names of its schedule in their order; not its shadows, and not its
    canary unless a tier or the list names it.
    """
    named = [tier.model for tier in route.schedule if tier.WhichOneof("use") == "model"]
    return tuple(dict.fromkeys([*route.models, *named]))


def scoring_models(route: Route) -> tuple[str, ...]:
    """Return every model that scores the inputs of *route*: ranked, shadows and canary, each once."""
    canary = [route.canary] if route.canary else []
    return tuple(dict.fromkeys([*ranked_models(route), *route.shadows, *canary]))


def late_window_us(route: Route) -> int:
    """Return how long a mailbox of *route* stays open after its deadline, in microseconds."""
    return route.late_us or route.sla_us


def describe_tier(tier: Tier) -> str:
    """Return the rule of *tier* as answers show it: "use wine-forest@3", "after 35ms use any"."""
    used = f"use {tier.model or 'any'}"
    return f"after {format_duration(tier.after_us)} {used}" if tier.after_us else used
