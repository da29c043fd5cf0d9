"""Routes as callers see them."""

import json
import shlex

from rendezvous_contracts.policy import route_to_document
from rendezvous_contracts.policy_fields import TYPE_NAMES
from rendezvous_control.state import Revision
from scoring.v1.control_pb2 import Field, FieldType

from rendezvous_gateway.values import plain_fields


def route_document(revision: Revision) -> dict[str, object]:
    """Return the route of *revision* as a JSON object: what to send, how long to wait, who decides."""
    route = revision.route
    policy = route_to_document(route)
    return {
        "route": route.name,
        "revision": revision.number,
        "description": route.description or None,
        "sla_ms": route.sla_us / 1000,
        "inputs": [_field_document(field) for field in route.inputs],
        "default": plain_fields(route.default),
        "schedule": policy.get("schedule", []),
        "models": policy.get("models", []),
        "shadows": policy.get("shadows", []),
        "canary": route.canary or None,
    }


def example_fields(revision: Revision) -> dict[str, object]:
    """Return fields that the route of *revision* takes."""
    return {field.name: _example(field) for field in revision.route.inputs}


def example_curl(revision: Revision, base_url: str) -> str:
    """Return a command line that asks the route of *revision* at *base_url*."""
    body = json.dumps({"fields": example_fields(revision)})
    url = f"{base_url}/v1/routes/{revision.route.name}/ask"
    return f"curl {shlex.quote(url)} \\\n  -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"


def _field_document(field: Field) -> dict[str, object]:
    found: dict[str, object] = {"name": field.name, "type": TYPE_NAMES.get(field.type, "any")}
    if field.optional:
        found["optional"] = True
    if field.HasField("minimum"):
        found["minimum"] = field.minimum
    if field.HasField("maximum"):
        found["maximum"] = field.maximum
    if field.categories:
        found["categories"] = list(field.categories)
    return found


def _example(field: Field) -> object:
    if field.categories:
        return field.categories[0]
    kinds: dict[int, object] = {
        FieldType.FIELD_TYPE_FLAG: True,
        FieldType.FIELD_TYPE_TEXT: "text",
        FieldType.FIELD_TYPE_BLOB: "Ynl0ZXM=",
        FieldType.FIELD_TYPE_TENSOR: [1.0, 2.0],
        FieldType.FIELD_TYPE_INTEGER: round(_number(field)),
    }
    return kinds.get(field.type, _number(field))


def _number(field: Field) -> float:
    low, high = field.HasField("minimum"), field.HasField("maximum")
    if low and high:
        return (field.minimum + field.maximum) / 2
    if low or high:
        return field.minimum if low else field.maximum
    return 1.0
