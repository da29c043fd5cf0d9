"""Arithmetic over fields against Python's own, and against any text at all."""

import math
from collections.abc import Callable
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.errors import BadExpressionError
from rendezvous_contracts.extraction_expressions import MAX_DEPTH, parse_expression
from rendezvous_contracts.extraction_values import FieldError

NAMES = ("a", "b", "fixed acidity")


class Sample(NamedTuple):
    """The same expression twice: as people write it, and as Python computes it."""

    text: str
    python: Callable[[dict[str, float]], float]
    depth: int = 1


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise OverflowError
    return number


_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "**": math.pow,
}
_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "log": math.log,
    "exp": math.exp,
    "sqrt": math.sqrt,
    "floor": lambda number: float(math.floor(number)),
    "round": lambda number: float(round(number)),
}


def _field(name: str) -> Sample:
    return Sample(f"'{name}'" if " " in name else name, lambda values: values[name])


def _constant(number: float) -> Sample:
    return Sample(repr(number), lambda _: number)


def _binary(symbol: str, left: Sample, right: Sample) -> Sample:
    call = _OPERATORS[symbol]
    return Sample(
        f"({left.text}) {symbol} ({right.text})",
        lambda values: _finite(call(left.python(values), right.python(values))),
        1 + max(left.depth, right.depth),
    )


def _call(name: str, inner: Sample) -> Sample:
    call = _FUNCTIONS[name]
    return Sample(
        f"{name}({inner.text})", lambda values: _finite(call(inner.python(values))), 1 + inner.depth
    )


def _negate(inner: Sample) -> Sample:
    return Sample(f"-({inner.text})", lambda values: -inner.python(values), 1 + inner.depth)


def _grow(samples: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    return (
        st.builds(_binary, st.sampled_from(sorted(_OPERATORS)), samples, samples)
        | st.builds(_call, st.sampled_from(sorted(_FUNCTIONS)), samples)
        | st.builds(_negate, samples)
    )


# Sums and products without parentheses, whose grouping is then Python's to say.
_FLAT = st.lists(
    st.tuples(st.sampled_from(["+", "-", "*", "/", "**"]), st.sampled_from(["a", "b", "2", "-3", "0.5"])),
    min_size=1,
    max_size=8,
).map(lambda parts: "a " + " ".join(f"{symbol} {operand}" for symbol, operand in parts))

SAMPLES = st.recursive(
    st.sampled_from(NAMES).map(_field) | st.floats(0, 1e6, allow_subnormal=False).map(_constant),
    _grow,
    max_leaves=8,
)
VALUES = st.fixed_dictionaries({name: st.floats(-1e6, 1e6) for name in NAMES})


@given(sample=SAMPLES, values=VALUES)
def test_an_expression_agrees_with_python_or_has_no_value_where_python_has_none(
    sample: Sample, values: dict[str, float]
) -> None:
    if len(sample.text) > 1000 or sample.depth > MAX_DEPTH:
        return
    try:
        expected: float | None = sample.python(values)
    except (ArithmeticError, ValueError):
        expected = None

    try:
        found: float | None = parse_expression(sample.text, "target").evaluate(dict(values))
    except (FieldError, BadExpressionError):
        found = None

    assert found == expected


@given(text=_FLAT, values=VALUES)
def test_operators_bind_and_group_as_in_python(text: str, values: dict[str, float]) -> None:
    names = {"a": values["a"], "b": values["b"]}
    try:
        expected: object = eval(text, {"__builtins__": {}}, names)  # noqa: S307 - the oracle, on its own text
    except ArithmeticError:
        expected = None

    try:
        found = parse_expression(text, "target").evaluate(dict(names))
    except FieldError:
        # An infinity on the way, or a complex number, is no value here even where Python goes on.
        return

    assert expected == found


@given(text=st.text(max_size=40) | st.text("ab12.e+-*/()', minxlog\"", max_size=1200))
def test_any_text_is_an_expression_or_refused(text: str) -> None:
    try:
        expression = parse_expression(text, "target")
    except BadExpressionError:
        return
    try:
        found = expression.evaluate(dict.fromkeys(expression.fields, 1.5))
    except FieldError:
        return
    assert math.isfinite(found)
