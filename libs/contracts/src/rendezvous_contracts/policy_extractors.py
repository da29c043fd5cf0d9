"""The `extract` part of a route document, in both directions."""

from collections.abc import Callable, Mapping
from typing import Final

import yaml
from scoring.v1.control_pb2 import Cast, Compute, Extractor, OneHot, Rename, Scale, Select, Step

from rendezvous_contracts.errors import BadExtractorError
from rendezvous_contracts.extraction import check_extractor
from rendezvous_contracts.policy_fields import TYPE_NAMES, read_type
from rendezvous_contracts.policy_nodes import Place, required


def read_extractor(place: Place) -> Extractor:
    """Read a list of steps, or {name, steps}; refuses what cannot work on any request."""
    if isinstance(place.node, yaml.SequenceNode):
        extractor = Extractor(steps=map(_read_step, place.sequence()))
    else:
        parts = place.mapping(("name", "steps"))
        name = parts["name"].text() if "name" in parts else ""
        steps = parts["steps"].sequence() if "steps" in parts else []
        extractor = Extractor(name=name, steps=map(_read_step, steps))
    try:
        check_extractor(extractor)
    except BadExtractorError as error:
        raise place.error(str(error)) from error
    return extractor


def _read_step(place: Place) -> Step:
    kinds = list(place.mapping(_READERS).items())
    if len(kinds) != 1:
        raise place.error(f"a step is one of {', '.join(_READERS)}, and here are {len(kinds)}")
    kind, content = kinds[0]
    return _READERS[kind](content)


def _select(place: Place) -> Step:
    return Step(select=Select(fields=place.texts()))


def _rename(place: Place) -> Step:
    return Step(rename=Rename(names={old: new.text() for old, new in place.items()}))


def _cast(place: Place) -> Step:
    return Step(cast=Cast(types={field: read_type(type_) for field, type_ in place.items()}))


def _scale(place: Place) -> Step:
    parts = place.mapping(("field", "offset", "factor"))
    return Step(
        scale=Scale(
            field=required(parts, "field", place).text(),
            offset=parts["offset"].number() if "offset" in parts else 0.0,
            factor=parts["factor"].number() if "factor" in parts else 1.0,
        )
    )


def _one_hot(place: Place) -> Step:
    parts = place.mapping(("field", "categories"))
    field = required(parts, "field", place).text()
    return Step(one_hot=OneHot(field=field, categories=required(parts, "categories", place).texts()))


def _compute(place: Place) -> Step:
    parts = place.mapping(("field", "expression"))
    field = required(parts, "field", place).text()
    return Step(compute=Compute(field=field, expression=required(parts, "expression", place).text()))


_READERS: Final[Mapping[str, Callable[[Place], Step]]] = {
    "select": _select,
    "rename": _rename,
    "cast": _cast,
    "scale": _scale,
    "one_hot": _one_hot,
    "compute": _compute,
}


def write_extractor(extractor: Extractor) -> object:
    """Return *extractor* as read_extractor reads it."""
    steps = [_write_step(step) for step in extractor.steps]
    return {"name": extractor.name, "steps": steps} if extractor.name else steps


def _write_step(step: Step) -> dict[str, object]:
    match step.WhichOneof("kind"):
        case "select":
            return {"select": list(step.select.fields)}
        case "rename":
            return {"rename": dict(sorted(step.rename.names.items()))}
        case "cast":
            return {"cast": {field: TYPE_NAMES[type_] for field, type_ in sorted(step.cast.types.items())}}
        case "scale":
            return {
                "scale": {"field": step.scale.field, "offset": step.scale.offset, "factor": step.scale.factor}
            }
        case "one_hot":
            return {"one_hot": {"field": step.one_hot.field, "categories": list(step.one_hot.categories)}}
        case "compute":
            return {"compute": {"field": step.compute.field, "expression": step.compute.expression}}
        case None:
            return {}
