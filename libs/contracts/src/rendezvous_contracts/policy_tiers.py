"""The `schedule` of a route document, in both directions."""

from typing import Final

import yaml
from scoring.v1.control_pb2 import Combination, Combined, Share, Tier, Weighted

from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.errors import BadNameError
from rendezvous_contracts.names import parse_model_id
from rendezvous_contracts.policy_nodes import Place, required
from rendezvous_contracts.routes import ANY, BEST_QUALITY, COMBINATION_NAMES, COMBINATIONS
from rendezvous_contracts.shares import WHOLE, format_share, parse_share

WEIGHTED: Final = "weighted"
SELECTORS: Final = (WEIGHTED, *COMBINATIONS)
_NUMBERS: Final = frozenset({"an integer", "a number"})


def read_schedule(place: Place) -> list[Tier]:
    """Read a list of {after, use}."""
    return [_read_tier(tier) for tier in place.sequence()]


def read_model_id(place: Place) -> str:
    """Read name@version."""
    return str(place.checked(parse_model_id))


def read_model_ids(place: Place) -> list[str]:
    """Read a list of name@version."""
    return [read_model_id(each) for each in place.sequence()]


def _read_tier(place: Place) -> Tier:
    parts = place.mapping(("after", "use"))
    use = required(parts, "use", place)
    tier = _read_selector(use) if isinstance(use.node, yaml.MappingNode) else _read_name(use)
    tier.after_us = parts["after"].duration() if "after" in parts else 0
    return tier


def _read_name(place: Place) -> Tier:
    match place.text():
        case "any":
            return Tier(any=True)
        case "best-quality":
            return Tier(best_quality=True)
        case _:
            return Tier(model=read_model_id(place))


def _read_selector(place: Place) -> Tier:
    parts = place.mapping((*SELECTORS, "at_least", "field"))
    kinds = [kind for kind in SELECTORS if kind in parts]
    if len(kinds) != 1:
        raise place.error(f"name one of {', '.join(SELECTORS)}, and here are {len(kinds)}")
    (kind,) = kinds
    if kind in COMBINATIONS:
        return Tier(combined=_read_combined(kind, parts))
    for key in ("at_least", "field"):
        if key in parts:
            raise parts[key].error(f"it belongs to {', '.join(COMBINATIONS)}: leave it out")
    shares = [_read_share(model, share) for model, share in parts[WEIGHTED].items()]
    total = sum(share.share for share in shares)
    if total != WHOLE:
        raise parts[WEIGHTED].error(f"the shares make {format_share(total)}: they have to make 100%")
    return Tier(weighted=Weighted(shares=shares))


def _read_share(model: str, place: Place) -> Share:
    if place.kind in _NUMBERS:
        raise place.error(f"a share is a percentage: write {place.node.value[:20]}%")
    try:
        parse_model_id(model)
    except BadNameError as error:
        raise place.error(str(error)) from error
    return Share(model=model, share=place.checked(parse_share))


def _read_combined(kind: str, parts: dict[str, Place]) -> Combined:
    models = read_model_ids(parts[kind])
    at_least = parts["at_least"].integer() if "at_least" in parts else len(models)
    if not 1 <= at_least <= len(models):
        place = parts.get("at_least", parts[kind])
        raise place.error(f"{kind} of at least {at_least} of {len(models)} models: ask for 1 or more of them")
    votes = COMBINATIONS[kind] == Combination.COMBINATION_MAJORITY
    if "field" in parts and not votes:
        raise parts["field"].error("only a majority is about one field: leave it out")
    field = required(parts, "field", parts[kind]).text() if votes else ""
    return Combined(combination=COMBINATIONS[kind], models=models, at_least=at_least, field=field)


def write_tier(tier: Tier) -> dict[str, object]:
    """Return *tier* as read_schedule reads one."""
    use: dict[str, object] = {"use": _write_use(tier)}
    return {"after": format_duration(tier.after_us)} | use if tier.after_us else use


def _write_use(tier: Tier) -> object:
    match tier.WhichOneof("use"):
        case "model":
            return tier.model
        case "best_quality":
            return BEST_QUALITY
        case "weighted":
            return {WEIGHTED: {share.model: format_share(share.share) for share in tier.weighted.shares}}
        case "combined":
            return _write_combined(tier.combined)
        case _:
            return ANY


def _write_combined(combined: Combined) -> dict[str, object]:
    kind = COMBINATION_NAMES.get(combined.combination, "unknown")
    written: dict[str, object] = {kind: list(combined.models), "at_least": combined.at_least}
    return written | {"field": combined.field} if combined.field else written
