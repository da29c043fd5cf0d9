"""
Reads a PMML document before any JVM does: refuses what could hurt, and collects what it says of its inputs.

The evaluator's own XML reader follows external entities, and its recursion follows the document's depth.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat

from scoring.v1.control_pb2 import Field, FieldType

from rendezvous_models.errors import BadModelError

# Those that both readers know under the same name.
_ENCODINGS: Final = frozenset({"utf-8", "us-ascii", "ascii", "iso-8859-1"})
_TYPES: Final = {
    "double": FieldType.FIELD_TYPE_NUMBER,
    "float": FieldType.FIELD_TYPE_NUMBER,
    "integer": FieldType.FIELD_TYPE_INTEGER,
    "boolean": FieldType.FIELD_TYPE_FLAG,
}


@dataclass(frozen=True)
class Limits:
    """What a document may be at most."""

    max_bytes: int = 128 << 20
    max_depth: int = 400
    max_elements: int = 10_000_000


@dataclass
class _Seen:
    """What the walk through the document has found."""

    depth: int = 0
    elements: int = 0
    data_fields: dict[str, Field] = field(default_factory=dict)
    current: Field | None = None
    ranged: set[str] = field(default_factory=set)
    fills_missing: set[str] = field(default_factory=set)
    lenient: set[str] = field(default_factory=set)
    schemas: int = 0
    takes_missing: bool = False


@dataclass(frozen=True)
class Document:
    """A document that is safe to load: its text, and its data fields by name."""

    text: str
    fields: Mapping[str, Field]


def read_document(content: bytes, limits: Limits) -> Document:
    """Return *content* checked; raises BadModelError that says what is wrong with it."""
    if len(content) > limits.max_bytes:
        raise BadModelError(f"the PMML document has {len(content)} bytes; allowed are {limits.max_bytes}")
    walk = _Walk(limits)
    text = walk.parse(content)
    # In case the two readers disagree on where a declaration starts: no PMML document needs these words.
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise _doctype()
    return Document(text, walk.fields())


def _doctype() -> BadModelError:
    return BadModelError("the PMML document has a DOCTYPE, which can name other files; remove it")


class _Walk:
    """One pass over the document."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._seen = _Seen()
        self._encoding = "utf-8"
        self._open = {
            "DataField": self._data_field,
            "Value": self._value,
            "Interval": self._interval,
            "MiningSchema": self._schema,
            "MiningField": self._mining_field,
        }

    def parse(self, content: bytes) -> str:
        parser = expat.ParserCreate()
        parser.XmlDeclHandler = self._declaration
        parser.StartDoctypeDeclHandler = self._refuse
        parser.EntityDeclHandler = self._refuse
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        try:
            parser.Parse(content, True)
            return content.decode(self._encoding).removeprefix("\ufeff")
        except expat.ExpatError as error:
            raise BadModelError(f"the artifact is not an XML document: {error}") from error
        except UnicodeDecodeError as error:
            raise BadModelError(f"the PMML document is not {self._encoding}: {error}") from error

    def fields(self) -> Mapping[str, Field]:
        """Return the data fields; one that may be missing, by what the model does then, is optional."""
        for name, each in self._seen.data_fields.items():
            each.optional = self._seen.takes_missing or name in self._seen.fills_missing
            if name in self._seen.lenient:
                del each.categories[:]
                each.ClearField("minimum")
                each.ClearField("maximum")
        return self._seen.data_fields

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        self._encoding = (encoding or "utf-8").lower()
        if self._encoding not in _ENCODINGS:
            raise BadModelError(f"the PMML document is encoded in {self._encoding[:40]!r}; write it in UTF-8")

    def _refuse(self, *_: object) -> None:
        raise _doctype()

    def _start(self, tag: str, attributes: Mapping[str, str]) -> None:
        seen = self._seen
        name = tag.rpartition(":")[2]
        if not seen.elements and name != "PMML":
            raise BadModelError(f"the artifact is not a PMML document: its root is <{name[:40]}>")
        seen.depth += 1
        seen.elements += 1
        if seen.depth > self._limits.max_depth:
            raise BadModelError(f"the PMML document is nested more than {self._limits.max_depth} deep")
        if seen.elements > self._limits.max_elements:
            raise BadModelError(f"the PMML document has more than {self._limits.max_elements} elements")
        if attributes.get("missingValueStrategy", "none") != "none":
            seen.takes_missing = True
        if name in self._open:
            self._open[name](attributes)

    def _end(self, tag: str) -> None:
        self._seen.depth -= 1
        if tag.rpartition(":")[2] == "DataField":
            self._seen.current = None

    def _data_field(self, attributes: Mapping[str, str]) -> None:
        name = attributes.get("name", "")
        kind = _TYPES.get(attributes.get("dataType", ""), FieldType.FIELD_TYPE_TEXT)
        self._seen.current = self._seen.data_fields[name] = Field(name=name, type=kind)

    def _value(self, attributes: Mapping[str, str]) -> None:
        current = self._seen.current
        if current is None or attributes.get("property", "valid") != "valid":
            return
        if current.type == FieldType.FIELD_TYPE_TEXT:
            current.categories.append(attributes.get("value", ""))

    def _interval(self, attributes: Mapping[str, str]) -> None:
        """Note a range; of several, or of an open one, what encloses it."""
        current = self._seen.current
        if current is None:
            return
        low, high = _number(attributes.get("leftMargin")), _number(attributes.get("rightMargin"))
        _widen(current, low, high, first=current.name not in self._seen.ranged)
        self._seen.ranged.add(current.name)

    def _schema(self, _attributes: Mapping[str, str]) -> None:
        self._seen.schemas += 1

    def _mining_field(self, attributes: Mapping[str, str]) -> None:
        if self._seen.schemas > 1:  # of a model inside the model
            return
        name = attributes.get("name", "")
        if "missingValueReplacement" in attributes:
            self._seen.fills_missing.add(name)
        if attributes.get("invalidValueTreatment", "returnInvalid") != "returnInvalid":
            self._seen.lenient.add(name)


def _number(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return float(text)
    except ValueError as error:
        raise BadModelError(f"the PMML document has an interval to {text[:40]!r}, no number") from error


def _widen(each: Field, low: float | None, high: float | None, *, first: bool) -> None:
    if low is None or not (first or each.HasField("minimum")):
        each.ClearField("minimum")
    else:
        each.minimum = low if first else min(low, each.minimum)
    if high is None or not (first or each.HasField("maximum")):
        each.ClearField("maximum")
    else:
        each.maximum = high if first else max(high, each.maximum)
