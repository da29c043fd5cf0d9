"""
JSON with places for a row's values, and the way to a value in a response.

In a template, {"$field": "alcohol"} stands for the value of a field, {"$base64": "photo"} for the base64 of
one that is bytes, and {"$each": …} for a list with one element for each row of the batch. A pointer is a JSON
Pointer (RFC 6901).
"""

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rendezvous_contracts.values import Plain
from scoring.v1.value_pb2 import Tensor

_FIELD: Final = "$field"
_BASE64: Final = "$base64"
_EACH: Final = "$each"
_WORDS: Final = (_FIELD, _BASE64, _EACH)
_DEEPEST: Final = 50


class BadTemplateError(ValueError):
    """A template or a pointer is not one; str() says where."""


class MissingFieldError(Exception):
    """A row has no usable value for a field of the template."""


class Template:
    """A request's body, compiled from *tree*; *fields* are the names that rows need."""

    def __init__(self, tree: object) -> None:
        _check(tree, "", within_each=False)
        self._tree = tree
        self._each = [node for node in _walk(tree) if _EACH in node]
        if len(self._each) > 1:
            raise BadTemplateError("$each stands there more than once")
        names = list(_names(tree))
        self.fields = tuple(dict.fromkeys(names))
        if not self.fields:
            raise BadTemplateError("no $field or $base64 stands there: every row would be the same")
        if self.batched and names != list(_names(self._each[0])):
            raise BadTemplateError("a $field or $base64 stands outside of $each")

    @property
    def batched(self) -> bool:
        """Whether one body takes many rows."""
        return bool(self._each)

    def row(self, row: Mapping[str, Plain]) -> Any:
        """Return what stands for *row*, a part of a batch or the whole body; raises MissingFieldError."""
        return _filled(self._each[0][_EACH] if self.batched else self._tree, row)

    def body(self, parts: Sequence[object]) -> Any:
        """Return the body for the rows of which *parts* are what row returned."""
        return _with_each(self._tree, list(parts)) if self.batched else parts[0]


class Pointer:
    """The way to a value in a JSON document."""

    def __init__(self, text: object) -> None:
        if not isinstance(text, str) or (text and not text.startswith("/")):
            raise BadTemplateError("expected a JSON Pointer, like /predictions/0/value, or nothing at all")
        self._text = text
        self._steps = [step.replace("~1", "/").replace("~0", "~") for step in text.split("/")[1:]]

    def __str__(self) -> str:
        return self._text or "the whole"

    def find(self, document: object) -> Any:
        """Return what it leads to in *document*; raises LookupError, which says where the way ends."""
        here = document
        for number, step in enumerate(self._steps):
            if isinstance(here, dict) and step in here:
                here = here[step]
            elif isinstance(here, list) and step.isascii() and step.isdigit() and int(step[:9]) < len(here):
                here = here[int(step[:9])]
            else:
                way = "/".join(["", *self._steps[: number + 1]])
                raise LookupError(f"there is nothing at {way}")
        return here

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pointer) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)


def _check(tree: object, where: str, *, within_each: bool, depth: int = 0) -> None:
    """Raise BadTemplateError for words that are unknown, have company, or stand where they cannot."""
    if depth > _DEEPEST:
        raise BadTemplateError(f"{where[:100]}: deeper than {_DEEPEST} levels")
    if isinstance(tree, list):
        for number, each in enumerate(tree):
            _check(each, f"{where}/{number}", within_each=within_each, depth=depth + 1)
    if not isinstance(tree, dict):
        return
    words = [key for key in tree if key.startswith("$")]
    if words and (len(tree) > 1 or words[0] not in _WORDS):
        raise BadTemplateError(f"{where or 'top'}: a $ word stands alone in its object, and is {_known()}")
    for key, each in tree.items():
        if key in {_FIELD, _BASE64} and not (isinstance(each, str) and each):
            raise BadTemplateError(f"{where}/{key}: expected the name of a field")
        if key == _EACH and within_each:
            raise BadTemplateError(f"{where}/{key}: $each stands within $each")
        _check(each, f"{where}/{key}", within_each=within_each or key == _EACH, depth=depth + 1)


def _known() -> str:
    return f"one of {', '.join(_WORDS)}"


def _walk(tree: object) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
        for each in tree.values():
            yield from _walk(each)
    elif isinstance(tree, list):
        for each in tree:
            yield from _walk(each)


def _names(tree: object) -> Iterator[str]:
    for node in _walk(tree):
        yield from (node[word] for word in (_FIELD, _BASE64) if word in node)


def _filled(tree: object, row: Mapping[str, Plain]) -> Any:
    if isinstance(tree, list):
        return [_filled(each, row) for each in tree]
    if not isinstance(tree, dict):
        return tree
    if _FIELD in tree:
        return _jsonable(row.get(tree[_FIELD]), tree[_FIELD])
    if _BASE64 in tree:
        return _base64(row.get(tree[_BASE64]), tree[_BASE64])
    return {key: _filled(each, row) for key, each in tree.items()}


def _with_each(tree: object, parts: list[object]) -> Any:
    if isinstance(tree, list):
        return [_with_each(each, parts) for each in tree]
    if not isinstance(tree, dict):
        return tree
    return parts if _EACH in tree else {key: _with_each(each, parts) for key, each in tree.items()}


def _jsonable(value: Plain, name: str) -> Any:
    if isinstance(value, Tensor):
        return _nested(list(value.numbers), list(value.shape)[1:])
    if isinstance(value, bytes):
        raise MissingFieldError(f"{name}: bytes do not stand in JSON; use $base64")
    return value


def _nested(numbers: list[Any], shape: list[int]) -> list[Any]:
    for size in reversed(shape):
        numbers = [numbers[at : at + size] for at in range(0, len(numbers), max(1, size))]
    return numbers


def _base64(value: Plain, name: str) -> str:
    if not isinstance(value, bytes):
        raise MissingFieldError(f"{name}: expected bytes for $base64")
    return base64.b64encode(value).decode("ascii")
