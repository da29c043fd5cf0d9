"""The steps of an extractor: each checked once, and made into a function over the fields of one request."""

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from scoring.v1.control_pb2 import (
    FIELD_TYPE_FLAG,
    FIELD_TYPE_INTEGER,
    FIELD_TYPE_NUMBER,
    FIELD_TYPE_TEXT,
    Cast,
    Compute,
    OneHot,
    Rename,
    Scale,
    Select,
    Step,
)

from rendezvous_contracts.errors import BadExpressionError, BadExtractorError
from rendezvous_contracts.extraction_expressions import parse_expression
from rendezvous_contracts.extraction_values import FieldError, exact_float, kind_of, number_of, value_of
from rendezvous_contracts.values import Plain

MAX_NAMES: Final = 1000

Values = dict[str, Plain]
# Changes the fields it is given, or returns others in their place.
Apply = Callable[[Values], Values]


class CompiledStep(NamedTuple):
    """
    One step, ready to run, and what it does to the names of the fields.

    *needs* must be there before it, *drops* are gone after it, *adds* are there after it, and those of
    *fresh* must not be there before it. *only*: nothing but *adds* is there after it.
    """

    kind: str
    apply: Apply
    needs: tuple[str, ...]
    drops: tuple[str, ...] = ()
    adds: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    only: bool = False


def compile_step(step: Step) -> CompiledStep:
    """Return *step* ready to run; raises BadExtractorError with what is wrong with it."""
    match step.WhichOneof("kind"):
        case "select":
            return _select(step.select)
        case "rename":
            return _rename(step.rename)
        case "cast":
            return _cast(step.cast)
        case "scale":
            return _scale(step.scale)
        case "one_hot":
            return _one_hot(step.one_hot)
        case "compute":
            return _compute(step.compute)
        case _:
            raise BadExtractorError("says nothing; use select, rename, cast, scale, one_hot or compute")


def _names(names: tuple[str, ...], what: str) -> tuple[str, ...]:
    if not 0 < len(names) <= MAX_NAMES:
        raise BadExtractorError(f"names {len(names)} {what}; use 1 to {MAX_NAMES}")
    if "" in names:
        raise BadExtractorError(f"one of its {what} is empty")
    if len(set(names)) < len(names):
        twice = Counter(names).most_common(1)[0][0]
        raise BadExtractorError(f"{twice[:80]!r} is twice among its {what}")
    return names


def _select(select: Select) -> CompiledStep:
    names = _names(tuple(select.fields), "fields")

    def apply(values: Values) -> Values:
        try:
            return {name: values[name] for name in names}
        except KeyError as error:
            raise FieldError(str(error.args[0]), "is not there") from None

    return CompiledStep("select", apply, needs=names, adds=names, only=True)


def _rename(rename: Rename) -> CompiledStep:
    pairs = tuple(rename.names.items())
    old = _names(tuple(pair[0] for pair in pairs), "old names")
    new = _names(tuple(pair[1] for pair in pairs), "new names")
    fresh = tuple(name for name in new if name not in old)

    def apply(values: Values) -> Values:
        for name in old:
            value_of(values, name)
        moved = [(after, values.pop(before)) for before, after in pairs]
        for name, value in moved:
            if name in values:
                raise FieldError(name, "is there already")
            values[name] = value
        return values

    return CompiledStep("rename", apply, needs=old, drops=old, adds=new, fresh=fresh)


def _cast(cast: Cast) -> CompiledStep:
    names = _names(tuple(cast.types), "fields")
    casts = []
    for name in names:
        function = _CASTS.get(cast.types[name])
        if function is None:
            raise BadExtractorError(f"field {name[:80]!r}: cast to a number, an integer, a flag or text")
        casts.append((name, function))

    def apply(values: Values) -> Values:
        for name, function in casts:
            value = value_of(values, name)
            # A missing value is missing whatever its type.
            values[name] = None if value is None else function(name, value)
        return values

    return CompiledStep("cast", apply, needs=names, adds=names)


def _scale(scale: Scale) -> CompiledStep:
    (field,) = _names((scale.field,), "fields")
    offset, factor = scale.offset, scale.factor
    if not (math.isfinite(offset) and math.isfinite(factor) and factor):
        raise BadExtractorError("its offset must be a finite number, and its factor one that is not 0")

    def apply(values: Values) -> Values:
        scaled = (number_of(values, field) - offset) / factor
        if not math.isfinite(scaled):
            raise FieldError(field, "overflows")
        values[field] = scaled
        return values

    return CompiledStep("scale", apply, needs=(field,), adds=(field,))


def _one_hot(one_hot: OneHot) -> CompiledStep:
    (field,) = _names((one_hot.field,), "fields")
    categories = _names(tuple(one_hot.categories), "categories")
    columns = {category: f"{field}_{category}" for category in categories}
    zeros = dict.fromkeys(columns.values(), 0)

    def apply(values: Values) -> Values:
        value = value_of(values, field)
        if not isinstance(value, str):
            raise FieldError(field, f"is {kind_of(value)}, not text")
        column = columns.get(value)
        if column is None:
            raise FieldError(field, f"is {value[:80]!r}, which is not one of its categories")
        del values[field]
        for name in zeros:
            if name in values:
                raise FieldError(name, "is there already")
        values.update(zeros)
        values[column] = 1
        return values

    names = tuple(zeros)
    return CompiledStep("one_hot", apply, needs=(field,), drops=(field,), adds=names, fresh=names)


def _compute(compute: Compute) -> CompiledStep:
    (field,) = _names((compute.field,), "fields")
    try:
        expression = parse_expression(compute.expression, field)
    except BadExpressionError as error:
        raise BadExtractorError(str(error)) from error
    evaluate = expression.evaluate

    def apply(values: Values) -> Values:
        values[field] = evaluate(values)
        return values

    return CompiledStep("compute", apply, needs=expression.fields, adds=(field,))


_NUMBER: Final = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}", re.ASCII)
_FLAGS: Final[Mapping[object, bool]] = {"true": True, "false": False, 1: True, 0: False}


def _to_number(field: str, value: Plain) -> Plain:
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int):
        return exact_float(field, value)
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value)
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise FieldError(field, f"is {kind_of(value)} that is not a finite number")


def _to_integer(field: str, value: Plain) -> Plain:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, str):
        whole = _INTEGER.fullmatch(value) is not None
    number = int(value) if whole and isinstance(value, (int, float, str)) else None
    if number is None or not -(2**63) <= number < 2**63:
        raise FieldError(field, f"is {kind_of(value)} that is not an integer of 64 bits")
    return number


def _to_flag(field: str, value: Plain) -> Plain:
    flag = _FLAGS.get(value) if isinstance(value, (bool, int, float, str)) else None
    if flag is None:
        raise FieldError(field, f"is {kind_of(value)} that is not true, false, 1 or 0")
    return flag


def _to_text(field: str, value: Plain) -> Plain:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, str)):
        return str(value)
    raise FieldError(field, f"is {kind_of(value)}, which has no text")


_CASTS: Final[Mapping[int, Callable[[str, Plain], Plain]]] = {
    FIELD_TYPE_NUMBER: _to_number,
    FIELD_TYPE_INTEGER: _to_integer,
    FIELD_TYPE_FLAG: _to_flag,
    FIELD_TYPE_TEXT: _to_text,
}
