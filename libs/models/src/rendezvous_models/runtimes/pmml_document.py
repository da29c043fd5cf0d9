"""
Reads a PMML document before any JVM does: refuses what could hurt, and gives its elements.

The evaluator's own XML reader follows external entities, and its recursion follows the document's depth. So
it never gets the bytes that were published: it gets the elements that were read here, written anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from rendezvous_models.errors import BadModelError

_ENCODINGS: Final = frozenset({"utf-8", "utf-16", "us-ascii", "ascii", "iso-8859-1"})
# What says nothing about how to score.
_SILENT: Final = frozenset({"Extension", "MiningBuildTask", "ModelStats", "ModelExplanation"})


@dataclass(frozen=True)
class Limits:
    """What a document may be at most."""

    max_bytes: int = 128 << 20
    max_depth: int = 400
    max_elements: int = 4_000_000


def read_document(content: bytes, limits: Limits) -> Element:
    """
    Return the root of *content*, without namespaces, comments and what says nothing about scores.

    Raises BadModelError that says what is wrong with it.
    """
    if len(content) > limits.max_bytes:
        raise BadModelError(f"the PMML document has {len(content)} bytes; allowed are {limits.max_bytes}")
    return _Reader(limits).read(content)


class _Reader:
    """One pass over a document."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._depth = self._elements = 0
        self._silent = 0  # the depth of the outermost element that is left out
        self._builder = TreeBuilder()

    def read(self, content: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator="}")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(content, True)
        except expat.ExpatError as error:
            raise BadModelError(f"the artifact is not an XML document: {error}") from error
        return self._builder.close()

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if (encoding or "utf-8").lower() not in _ENCODINGS:
            raise BadModelError(f"the PMML document is encoded in {str(encoding)[:40]!r}; write it in UTF-8")

    def _doctype(self, *_: object) -> None:
        raise BadModelError("the PMML document has a DOCTYPE, which can name other files; remove it")

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if not self._elements and name != "PMML":
            raise BadModelError(f"the artifact is not a PMML document: its root is <{name[:40]}>")
        self._depth += 1
        self._elements += 1
        if self._depth > self._limits.max_depth:
            raise BadModelError(f"the PMML document is nested more than {self._limits.max_depth} deep")
        if self._elements > self._limits.max_elements:
            raise BadModelError(f"the PMML document has more than {self._limits.max_elements} elements")
        if self._silent:
            return
        if name in _SILENT:
            self._silent = self._depth
            return
        # An attribute with a namespace is a vendor's.
        own = {key: value for key, value in attributes.items() if "}" not in key}
        self._builder.start(name, own)

    def _end(self, tag: str) -> None:
        self._depth -= 1
        if not self._silent:
            self._builder.end(tag.rpartition("}")[2])
        elif self._depth < self._silent:
            self._silent = 0

    def _text(self, text: str) -> None:
        if not self._silent and not text.isspace():
            self._builder.data(text)
