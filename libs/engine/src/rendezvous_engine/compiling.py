"""From the `use:` of a tier, as the control log has it, to the selector that decides by it."""

from collections.abc import Mapping

from rendezvous_contracts.routes import describe_tier, ranked_models
from scoring.v1.answer_pb2 import Source
from scoring.v1.control_pb2 import Combined, Route

from rendezvous_engine.combining import Combination
from rendezvous_engine.selectors import AnyOf, Named, Selector, WeightedOf
from rendezvous_engine.verdicts import Verdict


def compile_selector(route: Route, revision: int, place: int, qualities: Mapping[str, float]) -> Selector:
    """Return the selector of the tier at *place* (from 1) of *route*, which the control fold found valid."""
    tier = route.schedule[place - 1]
    rule = describe_tier(tier)

    def verdict(model: str) -> Verdict:
        return Verdict(route.name, revision, Source.SOURCE_MODEL, model, place, rule)

    def named(model: str) -> Named:
        return Named(model, verdict(model))

    match tier.WhichOneof("use"):
        case "model":
            return named(tier.model)
        case "weighted":
            shares = [(named(share.model), share.share) for share in tier.weighted.shares]
            return WeightedOf(route.name, shares)
        case "combined":
            return _combination(tier.combined, verdict(""))
        case "best_quality":
            best = sorted(ranked_models(route), key=lambda model: -qualities.get(model, 0.0))
            return AnyOf({model: verdict(model) for model in best})
        case _:
            return AnyOf({model: verdict(model) for model in ranked_models(route)})


def _combination(combined: Combined, verdict: Verdict) -> Combination:
    return Combination(
        combined.combination, tuple(combined.models), combined.at_least, combined.field, verdict
    )
