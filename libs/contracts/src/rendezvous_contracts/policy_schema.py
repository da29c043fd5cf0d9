"""
The policy language as a JSON Schema (2020-12), for editors and pipelines.

It knows the shape of a document. What spans several places, such as the order of tiers, is refused by
parse_documents, which names the line, and by the fold.
"""

from collections.abc import Mapping
from typing import Final

from rendezvous_contracts.policy_fields import FIELD_TYPES
from rendezvous_contracts.routes import ANY, BEST_QUALITY

Schema = Mapping[str, object]

_TEXT: Final[Schema] = {"type": "string"}
_FLAG: Final[Schema] = {"type": "boolean"}
_NUMBER: Final[Schema] = {"type": "number"}
_NAME: Final[Schema] = {"type": "string", "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"}
_MODEL_ID: Final[Schema] = {
    "type": "string",
    "pattern": "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?@[A-Za-z0-9][A-Za-z0-9._-]{0,62}$",
}
_DURATION: Final[Schema] = {
    "type": "string",
    "pattern": r"^[0-9]{1,9}(\.[0-9]{1,6})?(us|ms|s|m)$",
    "description": "A number with its unit: us, ms, s or m.",
}
_SHARE: Final[Schema] = {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,2})?%$"}
_TYPE: Final[Schema] = {"enum": list(FIELD_TYPES)}
_OPTIONS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"type": ["string", "number", "boolean"]},
}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _list_of(items: Schema, *, least: int = 0) -> Schema:
    return {"type": "array", "items": items} | ({"minItems": least} if least else {})


def _object(required: str, /, **properties: Schema) -> Schema:
    """Return a closed object; *required*: the names of properties that have to be there, with spaces."""
    closed: dict[str, object] = {"type": "object", "additionalProperties": False, "properties": properties}
    return closed | ({"required": required.split()} if required else {})


_MODELS: Final = _list_of(_MODEL_ID)
_COMBINED: Final = _list_of(_MODEL_ID, least=1)
_LEAST: Final[Schema] = {"type": "integer", "minimum": 1}
_USE: Final[Schema] = {
    "oneOf": [
        {"enum": [ANY, BEST_QUALITY]},
        _MODEL_ID,
        _object("weighted", weighted={"type": "object", "additionalProperties": _SHARE, "minProperties": 1}),
        _object("majority field", majority=_COMBINED, field=_TEXT, at_least=_LEAST),
        _object("median", median=_COMBINED, at_least=_LEAST),
        _object("mean", mean=_COMBINED, at_least=_LEAST),
    ]
}
_FIELDS: Final[Schema] = {
    "type": "object",
    "additionalProperties": {
        "oneOf": [
            _TYPE,
            _object(
                "type",
                type=_TYPE,
                optional=_FLAG,
                minimum=_NUMBER,
                maximum=_NUMBER,
                categories=_list_of(_TEXT),
            ),
        ]
    },
}
_TENSOR: Final = _object("shape numbers", shape=_list_of({"type": "integer"}), numbers=_list_of(_NUMBER))
_VALUES: Final[Schema] = {
    "type": "object",
    "additionalProperties": {"oneOf": [{"type": ["string", "number", "boolean"]}, _TENSOR]},
}
_STEP: Final[Schema] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "select": _list_of(_TEXT),
        "rename": {"type": "object", "additionalProperties": _TEXT},
        "cast": {"type": "object", "additionalProperties": _TYPE},
        "scale": _object("field", field=_TEXT, offset=_NUMBER, factor=_NUMBER),
        "one_hot": _object("field categories", field=_TEXT, categories=_list_of(_TEXT)),
        "compute": _object("field expression", field=_TEXT, expression=_TEXT),
    },
}
_STEPS: Final = _list_of(_STEP)
_ARTIFACT: Final[Schema] = {
    "oneOf": [
        _object("path", path=_TEXT),
        _object("data", data=_TEXT),
        _object(
            "location sha256 size",
            location=_TEXT,
            sha256={"type": ["string", "integer"]},
            size={"type": "integer", "minimum": 1},
        ),
    ]
}
_ROUTE: Final = _object(
    "route sla default",
    route=_NAME,
    description=_TEXT,
    sla=_DURATION,
    schedule=_list_of(_object("use", after=_DURATION, use=_USE)),
    default=_ref("values"),
    canary=_MODEL_ID,
    models=_MODELS,
    shadows=_MODELS,
    extract={"oneOf": [_STEPS, _object("", name=_TEXT, steps=_STEPS)]},
    late=_DURATION,
    inputs=_ref("fields"),
    key=_TEXT,
    requires_approval=_FLAG,
)
_MODEL: Final = _object(
    "model type artifact",
    model=_MODEL_ID,
    type=_NAME,
    description=_TEXT,
    data_type=_TEXT,
    author=_TEXT,
    quality=_NUMBER,
    artifact=_ARTIFACT,
    inputs=_ref("fields"),
    outputs=_ref("fields"),
    options=_OPTIONS,
    golden=_list_of(_object("inputs outputs", inputs=_ref("values"), outputs=_ref("values"))),
    golden_tolerance={"type": "number", "minimum": 0, "exclusiveMaximum": 1},
)
_DEPLOYMENT: Final = _object(
    "deployment",
    deployment=_NAME,
    model=_MODEL_ID,
    versions_of=_NAME,
    route=_NAME,
    replicas={"type": "integer", "minimum": 0, "maximum": 1_000},
    image=_TEXT,
    options=_OPTIONS,
)

POLICY_SCHEMA: Final[Schema] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A Rendezvous policy document: a route, a model or a deployment",
    "oneOf": [_ref("route"), _ref("model"), _ref("deployment")],
    "$defs": {
        "route": _ROUTE,
        "model": _MODEL,
        "deployment": _DEPLOYMENT,
        "fields": _FIELDS,
        "values": _VALUES,
    },
}
