"""The policy language, of its JSON Schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rendezvous_contracts.gates import METRICS
from rendezvous_contracts.policy_schema import POLICY_SCHEMA

from tools.docs.tables import code, page, table

_Schema = Mapping[str, Any]


def policy_page() -> str:
    """Return the page."""
    schema: _Schema = json.loads(json.dumps(POLICY_SCHEMA))
    lines = [
        "A policy file holds documents in YAML, divided by `---`; `rendezvous apply -f` publishes what they",
        "say and the log does not. `rendezvous schema` prints the JSON Schema of them, for editors.",
        "",
    ]
    for name in ("route", "model", "deployment"):
        definition = schema["$defs"][name]
        lines += [f"## {name}", *table(("Key", "Required", "Value"), _rows(definition))]
    tier = schema["$defs"]["route"]["properties"]["schedule"]["items"]
    lines += ["## A tier of `schedule`", *table(("Key", "Required", "Value"), _rows(tier))]
    lines += ["## Metrics of gates", "", ", ".join(code(metric) for metric in sorted(METRICS)), ""]
    return page("Policy language", "the JSON Schema", lines)


def _rows(schema: _Schema) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        yield code(name), "yes" if name in required else "", _told(value)


def _told(schema: _Schema) -> str:
    if "description" in schema:
        return str(schema["description"])
    if "$ref" in schema:
        return f"as {code(schema['$ref'].rpartition('/')[2])}"
    if "enum" in schema:
        return ", ".join(code(each) for each in schema["enum"])
    if "const" in schema:
        return code(schema["const"])
    if "oneOf" in schema:
        return "; or ".join(_told(each) for each in schema["oneOf"])
    return _kind(schema)


def _kind(schema: _Schema) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"a list of: {_told(schema.get('items', {}))}"
    if kind == "object" and "properties" in schema:
        keys = ", ".join(f"{code(name)}: {_told(value)}" for name, value in schema["properties"].items())
        return f"{{{keys}}}"
    if kind == "object":
        return f"by name: {_told(schema.get('additionalProperties') or {})}"
    pattern = f" that matches {code(schema['pattern'])}" if "pattern" in schema else ""
    return f"{' or '.join(kind) if isinstance(kind, list) else kind}{pattern}"
