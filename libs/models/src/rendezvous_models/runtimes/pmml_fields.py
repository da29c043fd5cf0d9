"""What a document demands of its inputs, as the fields that rows are validated against."""

from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree.ElementTree import Element

from scoring.v1.control_pb2 import Field, FieldType

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.pmml_markup import models

_TYPES: Final = {
    "double": FieldType.FIELD_TYPE_NUMBER,
    "float": FieldType.FIELD_TYPE_NUMBER,
    "integer": FieldType.FIELD_TYPE_INTEGER,
    "boolean": FieldType.FIELD_TYPE_FLAG,
}
# By the specification these have an answer to every input that is missing.
_TAKE_MISSING: Final = frozenset({"NaiveBayesModel", "ClusteringModel"})


def input_fields(root: Element) -> Mapping[str, Field]:
    """
    Return the data fields of the document by name; raises BadModelError for an interval to no number.

    A field may be missing where the document says what happens then; its range and categories do not bind
    where the document says what becomes of other values.
    """
    treatments = {each.get("name", ""): each for each in _mining_fields(root)}
    tolerant = _names_that_may_miss(root)
    found = {}
    for each in root.iterfind("DataDictionary/DataField"):
        name = each.get("name", "")
        treatment = treatments.get(name, Element("MiningField"))
        field = Field(name=name, type=_TYPES.get(each.get("dataType", ""), FieldType.FIELD_TYPE_TEXT))
        field.optional = _may_miss(treatment, tolerant=name in tolerant)
        if treatment.get("invalidValueTreatment", "returnInvalid") == "returnInvalid":
            _bind(field, each)
        found[name] = field
    return found


def _mining_fields(root: Element) -> Iterator[Element]:
    outermost = next(models(root), None)
    if outermost is not None:
        yield from outermost.iterfind("MiningSchema/MiningField")


def _may_miss(treatment: Element, *, tolerant: bool) -> bool:
    said = treatment.get("missingValueTreatment")
    if said == "returnInvalid":
        return False
    return tolerant or said is not None or "missingValueReplacement" in treatment.attrib


def _names_that_may_miss(root: Element) -> frozenset[str]:
    """Return the fields whose missing values some part of the document has an answer to."""
    names = {each.get("name", "") for each in root.iter("DataField")}
    if any(each.get("missingValueStrategy", "none") != "none" for each in root.iter("TreeModel")):
        return frozenset(names)
    if any(each.tag in _TAKE_MISSING for each in models(root)):
        return frozenset(names)
    return frozenset(_named_where_missing(root))


def _named_where_missing(root: Element) -> Iterator[str]:
    for each in root.iter():
        if each.tag == "SimplePredicate" and each.get("operator") in {"isMissing", "isNotMissing"}:
            yield each.get("field", "")
        elif each.tag == "Apply" and each.get("function") in {"isMissing", "isNotMissing"}:
            yield from (ref.get("field", "") for ref in each.iter("FieldRef"))
        elif (
            each.tag == "CompoundPredicate" and each.get("booleanOperator") == "surrogate"
        ) or "mapMissingTo" in each.attrib:
            yield from (part.get("field", "") for part in each.iter())


def _bind(field: Field, declared: Element) -> None:
    """Bind *field* to the categories and the range that are *declared*."""
    markers = [each.get("value", "") for each in _values(declared, "missing")]
    if field.type == FieldType.FIELD_TYPE_TEXT:
        field.categories.extend(each.get("value", "") for each in _values(declared, "valid"))
        field.categories.extend(markers if field.optional and field.categories else ())
    if markers and field.optional:
        return  # a number that stands for a missing one may be out of range
    intervals = list(declared.iter("Interval"))
    lows = [_number(each.get("leftMargin")) for each in intervals]
    highs = [_number(each.get("rightMargin")) for each in intervals]
    # Of several intervals, or of one that is open, what encloses them: the evaluator knows them exactly.
    if lows and None not in lows:
        field.minimum = min(low for low in lows if low is not None)
    if highs and None not in highs:
        field.maximum = max(high for high in highs if high is not None)


def _values(declared: Element, property_: str) -> Iterator[Element]:
    return (each for each in declared.iter("Value") if each.get("property", "valid") == property_)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise BadModelError(f"the PMML document has an interval to {text[:40]!r}, no number") from error
