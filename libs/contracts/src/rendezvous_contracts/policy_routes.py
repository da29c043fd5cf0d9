"""Route documents, in both directions."""

from typing import Final

from scoring.v1.control_pb2 import Route

from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.names import check_name
from rendezvous_contracts.policy_extractors import read_extractor, write_extractor
from rendezvous_contracts.policy_fields import read_fields, read_values, write_fields, write_values
from rendezvous_contracts.policy_nodes import Place, required
from rendezvous_contracts.policy_tiers import read_model_id, read_model_ids, read_schedule, write_tier

_KEYS: Final = (
    "route",
    "description",
    "sla",
    "schedule",
    "default",
    "canary",
    "models",
    "shadows",
    "extract",
    "late",
    "inputs",
    "key",
    "requires_approval",
)


def read_route(place: Place) -> Route:
    """Read one route; raises BadPolicyError with the first thing that is wrong."""
    parts = place.mapping(_KEYS)
    route = Route(
        name=parts["route"].checked(lambda text: check_name(text, "route name")),
        sla_us=required(parts, "sla", place).duration(),
        schedule=read_schedule(parts["schedule"]) if "schedule" in parts else [],
        default=read_values(required(parts, "default", place)),
        canary=read_model_id(parts["canary"]) if "canary" in parts else "",
        models=_models(parts, "models"),
        shadows=_models(parts, "shadows"),
        late_us=parts["late"].duration() if "late" in parts else 0,
        inputs=read_fields(parts["inputs"]) if "inputs" in parts else [],
        description=parts["description"].text() if "description" in parts else "",
        key=parts["key"].text() if "key" in parts else "",
        requires_approval=parts["requires_approval"].flag() if "requires_approval" in parts else False,
    )
    if "extract" in parts:
        route.extractor.CopyFrom(read_extractor(parts["extract"]))
    return route


def _models(parts: dict[str, Place], key: str) -> list[str]:
    return read_model_ids(parts[key]) if key in parts else []


def route_to_document(route: Route) -> dict[str, object]:
    """Return *route* as plain data that reads back to it; what it leaves unsaid is left out."""
    document: dict[str, object] = {
        "route": route.name,
        "description": route.description,
        "sla": format_duration(route.sla_us),
        "schedule": [write_tier(tier) for tier in route.schedule],
        "default": write_values(route.default),
        "canary": route.canary,
        "models": list(route.models),
        "shadows": list(route.shadows),
        "late": format_duration(route.late_us) if route.late_us else "",
        "inputs": write_fields(route.inputs),
        "key": route.key,
        "requires_approval": route.requires_approval,
    }
    said = {key: value for key, value in document.items() if value}
    if route.HasField("extractor"):
        said["extract"] = write_extractor(route.extractor)
    return said
