"""
Repairs of fields, expressions and predicates.

Each function changes the parsed document so that the evaluator computes what the specification demands; its
docstring says what that is, and what the evaluator does otherwise.
"""

import itertools
import re
import struct
from collections.abc import Iterable, Iterator
from typing import Final
from xml.etree.ElementTree import Element

from rendezvous_models.runtimes.pmml_markup import (
    EXPRESSIONS,
    NUMBERS,
    become,
    first,
    make,
    types,
    unsupported,
)

_ARRAYS: Final = frozenset({"Array", "Indices", "INT-Entries", "REAL-Entries"})
_FLOAT: Final = struct.Struct("<f")
# 2**29 + 1: times this and back rounds 53 bits to 24.
_SPLITTER: Final = "536870913"
_COMPARISONS: Final = frozenset(
    {"equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"}
)
_LOGIC: Final = frozenset({"and", "or", "not", "isIn", "isNotIn"})
_STATEMENTS: Final = frozenset({"isMissing", "isNotMissing", "isValid", "isNotValid", "matches"})
_TEXTS: Final = frozenset(
    {
        "uppercase",
        "lowercase",
        "substring",
        "trimBlanks",
        "concat",
        "replace",
        "formatNumber",
        "formatDatetime",
    }
)
_STRICT: Final = _COMPARISONS | {"not", "matches", "threshold", "round"}
_STRICT_TEXTS: Final = frozenset(
    {"uppercase", "lowercase", "trimBlanks", "replace", "substring", "stringLength"}
)
_OPPOSITES: Final = {
    "equal": "notEqual",
    "lessThan": "greaterOrEqual",
    "greaterThan": "lessOrEqual",
    "isMissing": "isNotMissing",
    "isIn": "isNotIn",
}
_NEGATIONS: Final = _OPPOSITES | {no: yes for yes, no in _OPPOSITES.items()}
_MAX_XOR: Final = 6
OTHER: Final = "\N{REPLACEMENT CHARACTER}other"


def join_array_lines(root: Element) -> None:
    """Any white space parts the values of an array; the evaluator takes a line break for part of a value."""
    for each in root.iter():
        if each.tag in _ARRAYS and each.text:
            each.text = re.sub(r"[\t\r\n]+", " ", each.text).strip()


def call_columns_as_elements(root: Element) -> None:
    """
    A column is named as its elements are written, prefix and all, as in "data:input".

    The elements have been read without their prefixes, so the names lose theirs.
    """
    for table in root.iter("MapValues"):
        named = [(pair, "column") for pair in table.iterfind("FieldColumnPair")] + [(table, "outputColumn")]
        columns = [(each, name, each.get(name, "").rpartition(":")[2]) for each, name in named]
        if len({column for _, _, column in columns}) < len(columns):
            raise unsupported("a table with columns that only their prefixes tell apart")
        for each, name, column in columns:
            each.set(name, column)


def type_constants(root: Element) -> None:
    """
    A constant without dataType has the type that it looks like; the evaluator takes it for a text.

    Of a text with a character that XML escapes it takes the last part, so that is refused.
    """
    for each in root.iter("Constant"):
        if {"&", "<", ">"} & set(each.text or ""):
            raise unsupported("a constant with one of the characters & < >")
        if "dataType" not in each.attrib:
            each.set("dataType", _looks(each.text or ""))


def _looks(text: str) -> str:
    if re.fullmatch(r"\s*[+-]?\d+\s*", text):
        return "integer"
    try:
        float(text)
    except ValueError:
        return "string"
    return "double"


def compare_numbers_as_numbers(root: Element) -> None:
    """Equal and isIn compare numbers by their values; to the evaluator the integer 1 is not the double 1."""
    kinds = _Kinds(root)
    for each in root.iter("Apply"):
        arguments = [part for part in each if part.tag in EXPRESSIONS]
        function = each.get("function", "")
        if function not in {"equal", "notEqual", "isIn", "isNotIn"}:
            continue
        if not any(kinds.of(part) in NUMBERS for part in arguments):
            continue
        if len(arguments) > 2 and len(arguments[0]):  # noqa: PLR2004 - it would stand there several times
            raise unsupported(
                f"the function {function} of a computed number; compute it in a field of its own"
            )
        missing = "false" if function.startswith("is") else None
        same = [_same(arguments[0], other, missing) for other in arguments[1:]]
        whole = same[0] if len(same) == 1 else make("Apply", *same, function="or")
        if function in {"notEqual", "isNotIn"}:
            whole = make("Apply", whole, function="not")
        for attribute in ("mapMissingTo", "defaultValue"):
            if attribute in each.attrib:
                whole.set(attribute, each.attrib[attribute])
        become(each, whole)


def _same(left: Element, right: Element, missing: str | None) -> Element:
    """Return whether both are equal: each stands there once, for what doubles with every level has no end."""
    nothing = make("Constant", dataType="double")
    nothing.text = "0"
    difference = make("Apply", make("Apply", left, right, function="-"), function="abs")
    return make("Apply", difference, nothing, function="lessOrEqual", mapMissingTo=missing)


class _Kinds:
    """The data types of what expressions give, each found once; empty where it cannot be told."""

    def __init__(self, root: Element) -> None:
        self._fields = types(root)
        self._found: dict[Element, str] = {}

    def of(self, expression: Element) -> str:
        if expression not in self._found:
            self._found[expression] = self._find(expression)
        return self._found[expression]

    def _find(self, expression: Element) -> str:
        tag, function = expression.tag, expression.get("function", "")
        if tag == "FieldRef":
            return self._fields.get(expression.get("field", ""), "")
        if tag in {"NormContinuous", "NormDiscrete"}:
            return "double"
        if tag != "Apply":
            return expression.get("dataType", "string")
        if function in _TEXTS:
            return "string"
        if function in _COMPARISONS | _LOGIC | _STATEMENTS:
            return "boolean"
        parts = [self.of(part) for part in expression if part.tag in EXPRESSIONS]
        if function == "if":
            return next(iter(parts[1:]), "")
        if function in {"+", "-", "*", "/"}:
            return "integer" if set(parts) == {"integer"} else "double"
        return "double" if function.islower() else ""


def let_missing_pass(root: Element) -> None:
    """
    A function of a missing value has no result; to the evaluator a comparison is false, a text empty.

    A mapMissingTo that is neither number nor truth value is no number where one is wanted, and fails the row
    where a truth value is.
    """
    for each in root.iter("Apply"):
        function = each.get("function", "")
        if function in _STRICT and "mapMissingTo" not in each.attrib:
            each.set("mapMissingTo", each.get("defaultValue", "NaN"))
        condition = first(each, EXPRESSIONS) if function == "if" else None
        if condition is not None and condition.tag == "FieldRef" and "mapMissingTo" not in condition.attrib:
            asked = make("FieldRef", **condition.attrib)
            become(condition, make("Apply", asked, asked, function="and", mapMissingTo="NaN"))
    for parent in list(root.iter()):
        if parent.tag != "Apply" or parent.get("function") not in _STRICT_TEXTS:
            for each in parent:
                if each.tag == "Apply" and each.get("function") in _STRICT_TEXTS:
                    _only_of_what_is_there(each)


def _only_of_what_is_there(text: Element) -> None:
    if {"mapMissingTo", "defaultValue"} & set(text.attrib):
        raise unsupported(f"the function {text.get('function')} with a value for what is missing")
    there = [make("Apply", ref, function="isNotMissing") for ref in _refs(text)]
    if there:
        asked = make("Apply", *there, function="and") if len(there) > 1 else there[0]
        become(text, make("Apply", asked, make("Apply", *text, **text.attrib), function="if"))


def _refs(text: Element) -> Iterator[Element]:
    for each in text:
        if each.tag == "FieldRef" and "mapMissingTo" not in each.attrib:
            yield each
        elif each.tag == "Apply" and each.get("function") in _STRICT_TEXTS:
            yield from _refs(each)


def refuse_functions(root: Element) -> None:
    """Refuse functions that the evaluator computes otherwise, some of them by the hour of the day."""
    kinds = _Kinds(root)
    as_is = any(each.get("invalidValueTreatment") == "asIs" for each in root.iter("MiningField"))
    for each in root.iter("Apply"):
        function = each.get("function", "")
        parts = [kinds.of(part) for part in each if part.tag in EXPRESSIONS]
        if function.startswith("date") or function in {"formatDatetime", "formatNumber", "isNotValid"}:
            raise unsupported(f"the function {function}")
        if function == "isValid" and as_is:
            raise unsupported("the function isValid beside values that are let in as they are")
        if function == "concat" and {"double", "float", ""} & set(parts):
            raise unsupported("a concat of numbers that are no integers")
        if function == "/" and set(parts) == {"integer"}:
            raise unsupported("a division of integers by integers; make one of them a double")
    for tag in ("TextIndex", "Aggregate", "Lag", "TableLocator"):
        if next(root.iter(tag), None) is not None:
            raise unsupported(f"a {tag}")


def refuse_types(root: Element) -> None:
    """Refuse dates and times, which the evaluator keeps as texts."""
    for each in itertools.chain(root.iter("DataField"), root.iter("DerivedField"), root.iter("OutputField")):
        kind = each.get("dataType", "double")
        if kind not in NUMBERS | {"string", "boolean"}:
            raise unsupported(f"the field {each.get('name', '')[:60]!r} of type {kind[:40]!r}")


def give_bins_their_default(root: Element) -> None:
    """
    Discretize gives defaultValue to what is in no bin, mapMissingTo to what is missing.

    The evaluator knows no defaultValue and gives mapMissingTo to both.
    """
    for each in list(root.iter("Discretize")):
        default, missing = each.attrib.pop("defaultValue", None), each.attrib.pop("mapMissingTo", None)
        if default is not None:
            everything = make("Interval", closure="openOpen", leftMargin="-Infinity", rightMargin="Infinity")
            each.append(make("DiscretizeBin", everything, binValue=default))
        if missing is not None:
            asked = make("FieldRef", field=each.get("field"))
            constant = make("Constant", dataType=each.get("dataType", "string"))
            constant.text = missing
            whole = make("Discretize", *each, **each.attrib)
            become(
                each,
                make("Apply", make("Apply", asked, function="isMissing"), constant, whole, function="if"),
            )


def spell_out_xor(root: Element) -> None:
    """Xor is true if an odd number of its parts are true; the evaluator does not look at them."""
    for each in list(root.iter("CompoundPredicate")):
        if each.get("booleanOperator") == "xor":
            parts = list(each)
            if len(parts) > _MAX_XOR:
                raise unsupported(f"an xor of {len(parts)} predicates")
            whole = parts[0]
            for part in parts[1:]:
                whole = _either(whole, part)
            become(each, whole)


def _either(left: Element, right: Element) -> Element:
    one = make("CompoundPredicate", left, _not(right), booleanOperator="and")
    other = make("CompoundPredicate", _not(left), right, booleanOperator="and")
    return make("CompoundPredicate", one, other, booleanOperator="or")


def _not(predicate: Element) -> Element:
    """Return what is true where *predicate* is false, and unknown where it is unknown."""
    attributes = dict(predicate.attrib)
    if predicate.tag in {"True", "False"}:
        return make("False" if predicate.tag == "True" else "True")
    if predicate.tag == "CompoundPredicate":
        operator = attributes["booleanOperator"]
        flipped = {"and": "or", "or": "and"}.get(operator)
        if flipped is None:
            raise unsupported(f"an xor around a {operator}")
        return make("CompoundPredicate", *map(_not, predicate), booleanOperator=flipped)
    key = "operator" if predicate.tag == "SimplePredicate" else "booleanOperator"
    attributes[key] = _NEGATIONS.get(attributes[key], "")
    return make(predicate.tag, *predicate, **attributes)


def as_float(number: float) -> float:
    """Return the nearest float of 32 bits."""
    return float(_FLOAT.unpack(_FLOAT.pack(number))[0])


def round_floats(root: Element) -> None:
    """
    A field of type float has 32 bits, and so has what it is compared to; the evaluator has only doubles.

    Derived fields round by arithmetic; the inputs are rounded before they go in.
    """
    for each in list(_derived_floats(root)):
        expression = first(each, EXPRESSIONS)
        if expression is not None:
            each.remove(expression)
            each.append(_rounded(expression))
    floats = {name for name, kind in types(root).items() if kind == "float"}
    for each in root.iter():
        name = each.get("field") if each.tag == "SimplePredicate" else each.get("name")
        for key in {
            "SimplePredicate": ("value",),
            "MiningField": ("missingValueReplacement", "invalidValueReplacement"),
        }.get(each.tag, ()):
            if name in floats and key in each.attrib:
                each.set(key, repr(as_float(float(each.attrib[key]))))


def _derived_floats(root: Element) -> Iterator[Element]:
    return (each for each in root.iter("DerivedField") if each.get("dataType") == "float")


def _rounded(value: Element) -> Element:
    def factor() -> Element:
        constant = make("Constant", dataType="double")
        constant.text = _SPLITTER
        return constant

    large = (make("Apply", value, factor(), function="*") for _ in range(2))
    return make("Apply", next(large), make("Apply", next(large), value, function="-"), function="-")


def declare_other_texts(root: Element, names: Iterable[str]) -> None:
    """
    A text that is not declared but allowed (asIs) is a value like others; to the evaluator it is missing.

    So each of the fields *names* gets one more value, which stands for all others.
    """
    wanted = frozenset(names)
    for each in root.iterfind("DataDictionary/DataField"):
        if each.get("name") in wanted:
            each.append(make("Value", value=OTHER))


def open_texts(root: Element) -> dict[str, frozenset[str]]:
    """Return the valid values of text inputs that may have others (asIs), by name."""
    treatments: dict[str, set[str]] = {}
    for each in root.iter("MiningField"):
        said = each.get("invalidValueTreatment")
        if said:
            treatments.setdefault(each.get("name", ""), set()).add(said)
    found = {}
    for each in root.iterfind("DataDictionary/DataField"):
        name, values = each.get("name", ""), {value.get("value", "") for value in each.iter("Value")}
        if each.get("dataType") == "string" and values and treatments.get(name) == {"asIs"}:
            found[name] = frozenset(values)
    return found
