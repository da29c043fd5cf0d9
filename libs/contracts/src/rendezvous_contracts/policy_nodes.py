"""Typed access to the nodes of a policy document: every refusal names the file, the line and the remedy."""

import math
from base64 import b64decode
from binascii import Error as BinasciiError
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final, TypeVar

import yaml

from rendezvous_contracts.durations import format_duration, parse_duration
from rendezvous_contracts.errors import BadPolicyError, ContractError
from rendezvous_contracts.policy_yaml import TAG

T = TypeVar("T")

_MAX_DURATION_US: Final = 2**32 - 1
_MAX_DIGITS: Final = 20
_KINDS: Final = {
    "str": "text",
    "int": "an integer",
    "float": "a number",
    "bool": "a flag",
    "null": "nothing",
    "binary": "bytes",
    "seq": "a list",
    "map": "a mapping",
}


@dataclass(frozen=True, slots=True)
class Place:
    """One node of a document, and what to call it in a refusal."""

    source: str
    name: str
    node: yaml.Node

    @property
    def line(self) -> int:
        """The line on which it begins, from 1."""
        return self.node.start_mark.line + 1

    @property
    def kind(self) -> str:
        """What it is, for people."""
        tag = self.node.tag
        return _KINDS.get(tag.removeprefix(TAG), f"of type {tag}, which is not allowed here")

    def error(self, problem: str) -> BadPolicyError:
        """Return the error that says *problem* of this place."""
        return BadPolicyError(f"{self.source}:{self.line}: {self.name}: {problem}")

    def _expected(self, what: str) -> BadPolicyError:
        return self.error(f"expected {what}, got {self.kind}")

    def checked(self, check: Callable[[str], T]) -> T:
        """Return what *check* makes of the text here; its ContractError becomes a refusal of this place."""
        try:
            return check(self.text())
        except BadPolicyError:
            raise
        except ContractError as error:
            raise self.error(str(error)) from error

    def mapping(self, known: Collection[str]) -> dict[str, "Place"]:
        """Return what a mapping says, by key; an unknown key is refused with the nearest known one."""
        places = dict(self.items())
        for key, place in places.items():
            if key not in known:
                raise place.error(_unknown(key, known))
        return places

    def items(self) -> list[tuple[str, "Place"]]:
        """Return the keys of a mapping, which are texts of the author's choice, and what stands at each."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self._expected("a mapping")
        pairs: dict[str, Place] = {}
        for key_node, node in self.node.value:
            key = Place(self.source, f"a key of {self.name}", key_node).text()
            at_key = Place(self.source, key, key_node)
            if key in pairs:
                raise at_key.error("it is there twice: keep one")
            # The value of a key may begin on a later line; the key is where people look.
            pairs[key] = Place(self.source, key, _moved(node, key_node))
        return list(pairs.items())

    def sequence(self) -> list["Place"]:
        """Return the elements of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self._expected("a list")
        return [
            Place(self.source, f"{self.name}, number {number}", node)
            for number, node in enumerate(self.node.value, start=1)
        ]

    def texts(self) -> list[str]:
        """Return the elements of a list of texts."""
        return [place.text() for place in self.sequence()]

    def _scalar(self, *kinds: str) -> str | None:
        """Return the scalar as it is written, if it is of one of *kinds*."""
        wanted = isinstance(self.node, yaml.ScalarNode) and self.node.tag.removeprefix(TAG) in kinds
        return self.node.value if wanted else None

    def text(self) -> str:
        """Return a text."""
        written = self._scalar("str")
        if written is None and isinstance(self.node, yaml.ScalarNode) and self.node.value:
            raise self.error(f"expected text, got {self.kind}: put {self.node.value[:40]} in quotes")
        if written is None:
            raise self._expected("text")
        return written

    def number(self) -> float:
        """Return a finite number; an integer is one."""
        written = self._scalar("int", "float")
        if written is None:
            raise self._expected("a number")
        value = float(written.lower().replace(".inf", "inf").replace(".nan", "nan"))
        if not math.isfinite(value):
            raise self.error(f"{written[:40]} is not a finite number")
        return value

    def integer(self) -> int:
        """Return an integer of at most 64 bits."""
        written = self._scalar("int")
        if written is None:
            raise self._expected("an integer")
        if len(written) > _MAX_DIGITS:
            raise self.error(f"{written[:40]} needs more than 64 bits")
        return int(written)

    def flag(self) -> bool:
        """Return true or false."""
        written = self._scalar("bool")
        if written is None:
            raise self._expected("true or false")
        return written.lower() == "true"

    def duration(self) -> int:
        """Return a duration in microseconds."""
        if self._scalar("int", "float") is not None:
            raise self.error("a duration needs a unit: us, ms, s or m, like 50ms")
        microseconds = self.checked(parse_duration)
        if microseconds > _MAX_DURATION_US:
            raise self.error(f"it may be {format_duration(_MAX_DURATION_US)} at most")
        return microseconds

    def data(self) -> bytes:
        """Return the bytes that a !!binary scalar writes in base 64."""
        written = self._scalar("binary")
        if written is None:
            raise self._expected("bytes (!!binary and base 64)")
        try:
            return b64decode("".join(written.split()), validate=True)
        except (BinasciiError, ValueError) as error:
            raise self.error(f"not base 64: {error}") from error


def _moved(node: yaml.Node, to: yaml.Node) -> yaml.Node:
    node.start_mark = to.start_mark
    return node


def _unknown(key: str, known: Collection[str]) -> str:
    near = get_close_matches(key, known, n=1)
    advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return f"there is no such key here; {advice}"


def required(places: dict[str, Place], key: str, whole: Place) -> Place:
    """Return what stands at *key*; raises BadPolicyError if nothing does."""
    try:
        return places[key]
    except KeyError:
        raise whole.error(f"{key} is missing") from None
