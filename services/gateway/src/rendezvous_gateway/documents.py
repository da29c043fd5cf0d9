"""
JSON as it comes from outside: strict, with a place for every complaint.

The standard library's parser, because what it must not do silently matters more than its speed: duplicate
keys, NaN and integers of any length are seen here.
"""

import json
import re
from collections.abc import Mapping
from typing import Final, NoReturn

from rendezvous_gateway.problems import ProblemError

_CONSTANT: Final = re.compile(r'"(?:[^"\\]|\\.)*"|(-?Infinity|NaN)')


class _ConstantError(ValueError):
    """A literal that JSON does not have: NaN, Infinity or -Infinity."""


class _DuplicateError(ValueError):
    """A key that an object has twice."""


def parse_document(body: bytes) -> dict[str, object]:
    """
    Return the JSON object that *body* holds.

    Raises ProblemError with the line and the column for what is not JSON, NaN, Infinity or a key given
    twice, and for JSON that is not an object or nests too deep.
    """
    document = _parse(body)
    if not isinstance(document, dict):
        raise ProblemError(
            "bad-document",
            f"expected a JSON object, got {_KINDS.get(type(document), 'something else')}",
            hint='send an object like {"fields": {"alcohol": 9.4}}',
        )
    return document


_KINDS: Final = {
    list: "an array",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def _parse(body: bytes) -> object:
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise ProblemError("malformed-json", f"byte {error.start + 1} of the body is not UTF-8") from None
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed(f"{error.msg} at {_place(text, error.pos)}") from None
    except _ConstantError as error:
        found = next((each for each in _CONSTANT.finditer(text) if each[1]), None)
        place = f" at {_place(text, found.start())}" if found else ""
        raise _malformed(f"{error}{place}: JSON has no such number, and no model takes one") from None
    except (_DuplicateError, RecursionError, ValueError) as error:
        raise _malformed(_reason(error)) from None


def _reason(error: Exception) -> str:
    if isinstance(error, _DuplicateError):
        return f"the key {str(error)[:80]!r} is given twice in one object"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return "it holds an integer of thousands of digits"  # the interpreter's own limit


def _malformed(reason: str) -> ProblemError:
    return ProblemError("malformed-json", reason, hint="a request is one JSON object in UTF-8")


def _place(text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return f"line {line}, column {column}"


def _refuse_constant(literal: str) -> NoReturn:
    raise _ConstantError(literal)


def _refuse_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise _DuplicateError(next(key for key in keys if keys.count(key) > 1))
    return found


_DECODER: Final = json.JSONDecoder(
    parse_constant=_refuse_constant, object_pairs_hook=_refuse_duplicates, strict=True
)


def only_members(document: Mapping[str, object], known: tuple[str, ...], where: str) -> None:
    """Raise ProblemError if *document* has a member that is not in *known*; *where* names it for people."""
    unknown = [name for name in document if name not in known]
    if unknown:
        raise ProblemError(
            "bad-document",
            f"{where} has no member {unknown[0][:80]!r}",
            field=unknown[0][:80],
            hint=f"its members are {', '.join(known)}",
        )


def text_member(document: Mapping[str, object], name: str) -> str:
    """Return the text under *name*, empty if there is none; raises ProblemError for anything else."""
    value = document.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise ProblemError("bad-document", f"{name} has to be a text", field=name)
    return value


def object_member(document: Mapping[str, object], name: str) -> dict[str, object]:
    """Return the object under *name*; raises ProblemError if there is none or it is something else."""
    value = document.get(name)
    if not isinstance(value, dict):
        state = "has to be a JSON object" if name in document else "is missing"
        raise ProblemError("bad-document", f"{name} {state}", field=name, hint='like {"alcohol": 9.4}')
    return value
