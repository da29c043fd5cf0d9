"""
Walks an ONNX file before the runtime reads it: refuses what names other files, and finds the class labels.

An ONNX file is a protobuf message; the field numbers are those of onnx.proto in the ONNX project. Weights are
stepped over, not read, so that a large model costs no memory and little time.
"""

import mmap
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from rendezvous_models.errors import BadModelError

_MAX_DEPTH: Final = 100  # as protobuf's own
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_VARINT_BITS: Final = 70
_FLATBUFFER_MARK: Final = b"ORTM"

# Which fields of a message are messages that have to be looked into.
_PARTS: Final = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "GraphProto": {1: "NodeProto", 5: "TensorProto", 15: "SparseTensorProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: "TensorProto",
        6: "GraphProto",
        10: "TensorProto",
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: "TensorProto", 2: "TensorProto"},
    "TensorProto": {},
}
# Attributes hold millions of values, each behind a tag of its own: floats (7) and integers (8) of trees, and
# their texts (9): LEAF, BRANCH_LEQ and the like, here by their lengths.
_RUNS: Final = {
    0x3D: re.compile(rb"(?:\x3d.{4})++", re.DOTALL),
    0x40: re.compile(rb"(?:\x40[\x80-\xff]{0,9}[\x00-\x7f])++"),
    0x4A: re.compile(rb"(?:\x4a(?:\x04.{4}|\x09.{9}|\x0a.{10}))++", re.DOTALL),
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_NODE_OUTPUT, _NODE_OP = 2, 4
_ATTRIBUTE_NAME, _ATTRIBUTE_INTS, _ATTRIBUTE_STRINGS = 1, 8, 9
_GRAPH: Final = 7


class _Field(NamedTuple):
    """One field of a message: its number, and its value or, for bytes, where they are."""

    number: int
    value: int
    end: int = 0


@dataclass
class _Node:
    """What is kept of a node that makes maps out of scores."""

    op: bytes = b""
    outputs: list[bytes] = field(default_factory=list)
    attributes: list[_Field] = field(default_factory=list)


class OnnxDocument(NamedTuple):
    """A file that names no other: the labels of the maps that it gives, by the name of the output."""

    labels: dict[str, tuple[str | int, ...]]


def read_onnx(artifact: Path) -> OnnxDocument:
    """Return the file at *artifact* checked; raises BadModelError that says what is wrong with it."""
    if not artifact.stat().st_size:
        raise BadModelError("the ONNX file is empty")
    with artifact.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[4:8] == _FLATBUFFER_MARK:
            raise BadModelError("the file is in ONNX Runtime's own format; publish the ONNX model")
        return _Walk(content).document()


class _Walk:
    """One pass over the file."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._labels: dict[str, tuple[str | int, ...]] = {}
        self._has_graph = False

    def document(self) -> OnnxDocument:
        self._message("ModelProto", 0, len(self._content), 0)
        if not self._has_graph:
            raise BadModelError("the file is not an ONNX model: there is no graph in it")
        return OnnxDocument(self._labels)

    def _message(self, kind: str, start: int, end: int, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise BadModelError(f"the ONNX model is nested more than {_MAX_DEPTH} deep")
        parts = _PARTS[kind]
        node = _Node()
        for each in self._fields(start, end, runs=kind == "AttributeProto"):
            if kind == "TensorProto" and each.number in {_EXTERNAL_DATA, _DATA_LOCATION}:
                self._refuse_external(each)
            elif kind == "NodeProto":
                self._note(node, each)
            elif kind == "ModelProto" and each.number == _GRAPH:
                self._has_graph = True
            if each.number in parts:
                self._message(parts[each.number], each.value, self._whole(each), depth + 1)
        if node.op == b"ZipMap":
            self._keep_labels(node)

    def _fields(self, start: int, end: int, *, runs: bool = False) -> Iterator[_Field]:
        """Yield the fields between *start* and *end*, without those of a run of numbers."""
        position = start
        while position < end:
            run = _RUNS.get(self._content[position]) if runs else None
            if run and (found := run.match(self._content, position, end)):
                position = found.end()
                continue
            tag, position = self._varint(position, end)
            each, position = self._value(tag, position, end)
            yield each

    def _value(self, tag: int, position: int, end: int) -> tuple[_Field, int]:
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, after = self._varint(position, end)
            return _Field(number, value), after
        if wire == _BYTES:
            size, position = self._varint(position, end)
            after = position + size
            found = _Field(number, position, after)
        elif wire in {_FIXED32, _FIXED64}:
            after = position + (4 if wire == _FIXED32 else 8)
            found = _Field(number, position)
        else:
            raise _broken(position)
        if after > end or not number:
            raise _broken(position)
        return found, after

    def _varint(self, position: int, end: int) -> tuple[int, int]:
        value = shift = 0
        while position < end and shift < _VARINT_BITS:
            byte = self._content[position]
            position += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follows
                return value, position
            shift += 7
        raise _broken(position)

    def _whole(self, each: _Field) -> int:
        if not each.end:
            raise _broken(each.value)
        return each.end

    def _refuse_external(self, each: _Field) -> None:
        if each.number == _EXTERNAL_DATA or each.value:
            raise BadModelError(
                "the ONNX model keeps weights in another file; "
                "save it as one file (onnx.save with save_as_external_data=False)"
            )

    def _note(self, node: _Node, each: _Field) -> None:
        if each.number == _NODE_OP:
            node.op = self._content[each.value : self._whole(each)]
        elif each.number == _NODE_OUTPUT:
            node.outputs.append(self._content[each.value : self._whole(each)])
        elif each.number in _PARTS["NodeProto"]:
            node.attributes.append(each)

    def _keep_labels(self, node: _Node) -> None:
        labels: list[str | int] = []
        for attribute in node.attributes:
            fields = list(self._fields(attribute.value, attribute.end))
            for each in fields:
                if each.number == _ATTRIBUTE_STRINGS:
                    labels.append(self._content[each.value : self._whole(each)].decode(errors="replace"))
                elif each.number == _ATTRIBUTE_INTS:
                    labels.extend(self._integers(each))
        self._labels |= {name.decode(errors="replace"): tuple(labels) for name in node.outputs}

    def _integers(self, each: _Field) -> Iterator[int]:
        """Yield one integer, or those that are packed into bytes; they are 64 bits with a sign."""
        position, end = each.value, each.end
        if not end:
            yield _signed(each.value)
        while position < end:
            value, position = self._varint(position, end)
            yield _signed(value)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _broken(position: int) -> BadModelError:
    return BadModelError(
        f"the file is not an ONNX model, or is truncated: it makes no sense at byte {position}"
    )
