"""Markup for hand-written PMML documents, of any version."""

from collections.abc import Iterable, Mapping
from typing import Final
from xml.sax.saxutils import escape, quoteattr

_NAMESPACED: Final = "http://www.dmg.org/PMML-"


def tag(element: str, /, *content: str, **attributes: object) -> str:
    """Return an element; an attribute that is None is left out, one that ends in _ loses it."""
    shown = "".join(
        f" {key.rstrip('_').replace('__', '-')}={quoteattr(text(value))}"
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{element}{shown}>{''.join(content)}</{element}>"


def text(value: object) -> str:
    """Return *value* as PMML writes it; a float so that reading it gives the same float."""
    if isinstance(value, bool):
        return str(value).lower()
    return repr(float(value)) if isinstance(value, float) else str(value)


def field(name: str, *content: str, kind: str = "double", optype: str | None = None) -> str:
    """Return a DataField of type *kind*."""
    usual = "continuous" if kind in {"double", "float", "integer"} else "categorical"
    return tag("DataField", *content, name=name, optype=optype or usual, dataType=kind)


def numbers(names: Iterable[str]) -> str:
    """Return a DataField of doubles for each of *names*."""
    return "".join(map(field, names))


def category(name: str, values: Iterable[object], kind: str = "string", optype: str = "categorical") -> str:
    """Return a categorical DataField with its valid *values*."""
    return field(name, *(tag("Value", value=value) for value in values), kind=kind, optype=optype)


def schema(names: Iterable[str], target: str | None = None, **treatment: Mapping[str, object]) -> str:
    """Return a MiningSchema; *treatment* has the further attributes of the field that it names."""
    used = "".join(tag("MiningField", name=name, **treatment.get(name, {})) for name in names)
    if target is not None:
        used += tag("MiningField", name=target, usageType="target")
    return tag("MiningSchema", used)


def output(name: str, feature: str, *content: str, kind: str = "double", **attributes: object) -> str:
    """Return an OutputField."""
    optype = attributes.pop("optype", "categorical" if kind == "string" else "continuous")
    return tag(
        "OutputField", *content, name=name, feature=feature, dataType=kind, optype=optype, **attributes
    )


def predicted(name: str = "predicted", kind: str = "double") -> str:
    """Return an OutputField for the predicted value."""
    return output(name, "predictedValue", kind=kind)


def probabilities(classes: Iterable[object]) -> str:
    """Return an OutputField for the label and one for the probability of each of *classes*."""
    each = "".join(output(f"p({label})", "probability", value=label) for label in classes)
    return predicted("label", "string") + each


def outputs(*fields: str) -> str:
    """Return an Output element."""
    return tag("Output", *fields)


def array(values: Iterable[object], kind: str = "real", joined: str = " ") -> str:
    """Return an Array."""
    shown = [text(value) for value in values]
    return tag("Array", joined.join(shown), n=len(shown), type=kind)


def simple(name: str, operator: str, value: object = None) -> str:
    """Return a SimplePredicate."""
    return tag("SimplePredicate", field=name, operator=operator, value=value)


def derived(name: str, expression: str, kind: str = "double", optype: str | None = None) -> str:
    """Return a DerivedField."""
    usual = "categorical" if kind in {"string", "boolean"} else "continuous"
    return tag("DerivedField", expression, name=name, dataType=kind, optype=optype or usual)


def ref(name: str, **attributes: object) -> str:
    """Return a FieldRef."""
    return tag("FieldRef", field=name, **attributes)


def constant(value: object, kind: str | None = None) -> str:
    """Return a Constant."""
    return tag("Constant", escape(text(value)), dataType=kind)


def apply(function: str, *arguments: str, **attributes: object) -> str:
    """Return an Apply of *function*."""
    return tag("Apply", *arguments, function=function, **attributes)


def document(dictionary: str, *content: str, version: str = "4.4") -> str:
    """Return a whole document: a DataDictionary of *dictionary*, then *content*."""
    namespace = f"{_NAMESPACED}{version.replace('.', '_')}"
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<PMML xmlns="{namespace}" version="{version}">'
        f"<Header/><DataDictionary>{dictionary}</DataDictionary>{''.join(content)}</PMML>"
    )
