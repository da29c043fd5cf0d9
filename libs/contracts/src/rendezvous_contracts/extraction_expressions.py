"""
Arithmetic over fields: a small language, parsed by hand and run without eval.

    + - * / **  with the precedence of Python, unary minus, parentheses, numbers,
    field names (quoted with ' or " where they are not an identifier), and the functions
    min max abs log exp sqrt floor round.

All arithmetic is in double precision, so no exponent costs more time or memory than another; a result that
is not finite is an error at the operation where it appears, so that nothing later can hide it.
"""

import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Final, NamedTuple

from rendezvous_contracts.errors import BadExpressionError
from rendezvous_contracts.extraction_values import FieldError, number_of
from rendezvous_contracts.values import Plain

MAX_LENGTH: Final = 1000
# Of operations within operations; each costs a frame of the interpreter's stack.
MAX_DEPTH: Final = 64

Evaluate = Callable[[Mapping[str, Plain]], float]


class Expression(NamedTuple):
    """A parsed expression: *evaluate* raises FieldError where it has no finite value."""

    evaluate: Evaluate
    fields: tuple[str, ...]


class _Operation(NamedTuple):
    symbol: str
    call: Callable[..., float]
    # How many arguments it takes, and the most.
    least: int
    most: int


class _Node(NamedTuple):
    evaluate: Evaluate
    depth: int


class _Token(NamedTuple):
    kind: str
    text: str
    # 1-based place in the text.
    at: int


_TOKEN: Final = re.compile(
    r"""(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[^\W\d]\w*)
    |(?P<quoted>"[^"]+"|'[^']+')
    |(?P<symbol>\*\*|[-+*/(),])
    |(?P<space>\s+)""",
    re.VERBOSE,
)
_END: Final = "end"

_NEGATE: Final = _Operation("-", operator.neg, 1, 1)
_POWER: Final = _Operation("**", math.pow, 2, 2)
# By symbol: how tightly it binds, and what it does. All of these group from the left.
_BINARY: Final[Mapping[str, tuple[int, _Operation]]] = {
    "+": (1, _Operation("+", operator.add, 2, 2)),
    "-": (1, _Operation("-", operator.sub, 2, 2)),
    "*": (2, _Operation("*", operator.mul, 2, 2)),
    "/": (2, _Operation("/", operator.truediv, 2, 2)),
}
_MANY: Final = 16
_FUNCTIONS: Final[Mapping[str, _Operation]] = {
    "min": _Operation("min", min, 2, _MANY),
    "max": _Operation("max", max, 2, _MANY),
    "abs": _Operation("abs", abs, 1, 1),
    "log": _Operation("log", math.log, 1, 1),
    "exp": _Operation("exp", math.exp, 1, 1),
    "sqrt": _Operation("sqrt", math.sqrt, 1, 1),
    "floor": _Operation("floor", lambda number: float(math.floor(number)), 1, 1),
    "round": _Operation("round", lambda number: float(round(number)), 1, 1),
}


def parse_expression(text: str, target: str) -> Expression:
    """
    Return the expression that *text* writes, for the field *target* that takes its value.

    Raises BadExpressionError, which says at which character and why. One that reads no field is also tried.
    """
    if len(text) > MAX_LENGTH:
        raise BadExpressionError(
            f"the expression has {len(text)} characters; at most {MAX_LENGTH} are allowed"
        )
    parser = _Parser(_tokens(text), target)
    node = parser.whole()
    expression = Expression(node.evaluate, tuple(parser.fields))
    if not expression.fields:
        _try(expression)
    return expression


def _try(constant: Expression) -> None:
    try:
        constant.evaluate({})
    except FieldError as error:
        raise BadExpressionError(f"the expression never has a value: {error.reason}") from error


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise BadExpressionError(f"character {at + 1}: {text[at]!r} has no meaning here")
        if found.lastgroup != "space":
            tokens.append(_Token(str(found.lastgroup), found.group(), at + 1))
        at = found.end()
    tokens.append(_Token(_END, "the end", at + 1))
    return tokens


class _Parser:
    """Recursive descent, operators by precedence; *fields* are those that the expression reads."""

    def __init__(self, tokens: Sequence[_Token], target: str) -> None:
        self.fields: dict[str, None] = {}
        self._tokens = tokens
        self._target = target
        self._next = 0
        self._open = 0

    def whole(self) -> _Node:
        node = self._sum()
        if self._peek.kind != _END:
            raise self._unexpected("an operator")
        return node

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += 1
        return token

    def _accept(self, symbol: str) -> bool:
        if self._peek.kind == "symbol" and self._peek.text == symbol:
            self._next += 1
            return True
        return False

    def _unexpected(self, wanted: str) -> BadExpressionError:
        token = self._peek
        return BadExpressionError(f"character {token.at}: expected {wanted}, found {token.text[:40]!r}")

    def _sum(self, binding: int = 1) -> _Node:
        node = self._signed()
        while (found := _BINARY.get(self._peek.text)) and self._peek.kind == "symbol" and found[0] >= binding:
            self._take()
            node = self._apply(found[1], [node, self._sum(found[0] + 1)])
        return node

    def _signed(self) -> _Node:
        """Read a minus and what it negates; ** binds more tightly, and groups from the right."""
        self._open += 1
        if self._open > MAX_DEPTH:
            raise self._too_deep()
        if self._accept("-"):
            node = self._apply(_NEGATE, [self._signed()])
        else:
            node = self._atom()
            if self._accept("**"):
                node = self._apply(_POWER, [node, self._signed()])
        self._open -= 1
        return node

    def _atom(self) -> _Node:
        token = self._peek
        if token.kind == "number":
            return self._constant(self._take())
        if token.kind == "quoted":
            return self._field(self._take().text[1:-1])
        if token.kind == "name":
            self._take()
            return self._call(token) if self._accept("(") else self._field(token.text)
        if self._accept("("):
            node = self._sum()
            self._close()
            return node
        raise self._unexpected("a number, a field or '('")

    def _close(self) -> None:
        if not self._accept(")"):
            raise self._unexpected("')'")

    def _constant(self, token: _Token) -> _Node:
        number = float(token.text)
        if not isfinite(number):
            raise BadExpressionError(f"character {token.at}: {token.text[:40]} is too large for a number")
        return _Node(lambda _: number, 1)

    def _field(self, name: str) -> _Node:
        self.fields[name] = None
        return _Node(lambda values: number_of(values, name), 1)

    def _call(self, name: _Token) -> _Node:
        function = _FUNCTIONS.get(name.text)
        if function is None:
            known = " ".join(_FUNCTIONS)
            raise BadExpressionError(
                f"character {name.at}: no function {name.text[:40]!r}; there are {known}"
            )
        arguments = [self._sum()]
        while self._accept(","):
            arguments.append(self._sum())
        self._close()
        if not function.least <= len(arguments) <= function.most:
            wanted = "one argument" if function.most == 1 else f"2 to {_MANY} arguments"
            raise BadExpressionError(f"character {name.at}: {name.text} takes {wanted}, not {len(arguments)}")
        return self._apply(function, arguments)

    def _apply(self, operation: _Operation, arguments: Sequence[_Node]) -> _Node:
        depth = 1 + max(argument.depth for argument in arguments)
        if depth > MAX_DEPTH:
            raise self._too_deep()
        return _Node(_evaluation(operation, [node.evaluate for node in arguments], self._target), depth)

    def _too_deep(self) -> BadExpressionError:
        return BadExpressionError(
            f"character {self._peek.at}: more than {MAX_DEPTH} operations within each other; use two steps"
        )


def _evaluation(operation: _Operation, arguments: Sequence[Evaluate], target: str) -> Evaluate:
    """Return the function that evaluates *operation*: one or two arguments without a list, for speed."""
    call = operation.call

    def checked(*numbers: float) -> float:
        try:
            result = call(*numbers)
        except ZeroDivisionError:
            raise FieldError(target, "has no value: division by zero") from None
        except OverflowError:
            raise FieldError(target, f"has no value: {operation.symbol} overflows") from None
        except ValueError:
            raise FieldError(target, f"has no value: {operation.symbol} is not defined there") from None
        if not isfinite(result):
            raise FieldError(target, f"has no value: {operation.symbol} overflows")
        return result

    if len(arguments) == 1:
        only = arguments[0]
        return lambda values: checked(only(values))
    if len(arguments) == 2:  # noqa: PLR2004 - one more than the case above
        left, right = arguments
        return lambda values: checked(left(values), right(values))
    return lambda values: checked(*[argument(values) for argument in arguments])
