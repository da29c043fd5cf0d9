"""
Of what type a model is, told from its content.

Only what is sure is said: the first of it that is looked at has to be what no other type begins with.
ONNX, SavedModel and GraphDef are protobuf messages; their field numbers are those of onnx.proto,
saved_model.proto and graph.proto.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from rendezvous_models.archives import ArchiveLimits, archive_kind, member_names
from rendezvous_models.errors import UnknownRuntimeError

PMML: Final = "pmml"
ONNX: Final = "onnx"
SAVED_MODEL: Final = "tensorflow-savedmodel"
GRAPH: Final = "tensorflow-graph"
JSON_HTTP: Final = "json-http"
OPEN_INFERENCE_HTTP: Final = "open-inference-http"
OPEN_INFERENCE_GRPC: Final = "open-inference-grpc"
TENSORFLOW_SERVING: Final = "tensorflow-serving"
PYTHON: Final = "python"

_SAVED_MODEL_FILE: Final = "saved_model.pb"
_HEAD: Final = 1 << 16
_MAX_DOCUMENT: Final = 1 << 20
_MAX_FIELDS: Final = 64
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Without a way back into what is matched, so that its time grows with the text and no faster.
_ROOT: Final = re.compile(rb"\s*+(?>(?><\?.*?\?>|<!--.*?-->)\s*+)*+<(?:[\w.-]++:)?PMML[\s/>]", re.DOTALL)
_WORD: Final = re.compile(rb"[A-Za-z0-9_./>\\-]+")


def recognise(artifact: Path) -> str:
    """
    Return the type of the model in *artifact*, a file or a folder.

    Raises UnknownRuntimeError where the content does not tell, ArtifactRefusedError for a broken archive.
    """
    if artifact.is_dir():
        found = of_members(str(path.relative_to(artifact)) for path in artifact.rglob("*"))
    elif archive_kind(artifact):
        found = of_members(member_names(artifact, ArchiveLimits()))
    else:
        found = _of_file(artifact)
    if not found:
        raise UnknownRuntimeError(
            "the artifact is neither PMML, ONNX, a SavedModel, a GraphDef nor a document of a remote "
            "model that one type of server alone understands: say which with --type"
        )
    return found


def of_members(names: Iterable[str]) -> str:
    """Return the type of a folder or an archive that holds *names*; "" if they do not tell."""
    return SAVED_MODEL if any(PurePosixPath(name).name == _SAVED_MODEL_FILE for name in names) else ""


def _of_file(artifact: Path) -> str:
    size = artifact.stat().st_size
    with artifact.open("rb") as file:
        head = file.read(_HEAD)
        if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and size <= _MAX_DOCUMENT:
            return of_document(head + file.read())
    return of_content(head)


def of_content(head: bytes) -> str:
    """Return the type of a file that begins with *head* and is no archive; "" if that does not tell."""
    if _ROOT.match(head.removeprefix(b"\xef\xbb\xbf")):
        return PMML
    fields = list(_fields(head))
    numbers = {field.number for field in fields}
    kinds = {field.number: field.wire for field in fields}
    if _is_onnx(kinds):
        return ONNX
    if fields and fields[0].number == 1 and fields[0].wire == _BYTES and _is_node(fields[0].content):
        return GRAPH
    return SAVED_MODEL if numbers == {1, 2} and kinds == {1: _VARINT, 2: _BYTES} else ""


def _is_onnx(kinds: Mapping[int, int]) -> bool:
    """ModelProto: the version of the format first, and the graph or who produced it."""
    known = {
        1: _VARINT,
        2: _BYTES,
        3: _BYTES,
        4: _BYTES,
        5: _VARINT,
        6: _BYTES,
        7: _BYTES,
        8: _BYTES,
        14: _BYTES,
    }
    fits = all(known.get(number, kind) == kind for number, kind in kinds.items())
    return fits and kinds.get(1) == _VARINT and bool(kinds.keys() & {7, 8})


def _is_node(content: bytes) -> bool:
    """NodeDef: a name and an operation, both words."""
    texts = {field.number: field.content for field in _fields(content) if field.wire == _BYTES}
    return all(number in texts and _WORD.fullmatch(texts[number]) for number in (1, 2))


class _Field(NamedTuple):
    number: int
    wire: int
    content: bytes  # of bytes; it may be cut


def _fields(data: bytes) -> Iterator[_Field]:
    """Yield the first fields of a protobuf message; nothing more where it is none."""
    place = 0
    for _ in range(_MAX_FIELDS):
        tag, place = _varint(data, place)
        wire, number = tag & 7, tag >> 3
        if not number or wire not in {_VARINT, _FIXED64, _BYTES, _FIXED32}:
            return
        content = b""
        if wire == _VARINT:
            _, place = _varint(data, place)
        elif wire == _BYTES:
            length, place = _varint(data, place)
            content = data[place : place + length]
            place += length
        else:
            place += 8 if wire == _FIXED64 else 4
        yield _Field(number, wire, content)


def _varint(data: bytes, place: int) -> tuple[int, int]:
    """Return the number at *place* and where it ends; 0 where there is none."""
    value = 0
    for index, byte in enumerate(data[place : place + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number
            return value, place + index + 1
    return 0, len(data)


def of_document(data: bytes) -> str:
    """Return the type of a model that is a JSON document; "" if its keys do not tell."""
    try:
        values = json.loads(data)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(values, dict):
        return ""
    scheme = _scheme(values.get("url"))
    if scheme in {"http", "https"}:
        return JSON_HTTP if "body" in values else OPEN_INFERENCE_HTTP if "model" in values else ""
    if scheme in {"grpc", "grpcs"} and values.keys() & {"signature", "deploy"}:
        return TENSORFLOW_SERVING
    return PYTHON if "entry_point" in values else ""


def _scheme(url: object) -> str:
    try:
        return urlsplit(url).scheme.lower() if isinstance(url, str) else ""
    except ValueError:
        return ""
