"""The messages, of their definitions and of the comments beside these."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

from tools.docs.tables import code, page, table

_PROTO = Path(__file__).resolve().parents[2] / "proto"
_MESSAGE, _ENUM, _FIELD, _VALUE = 4, 5, 2, 2
_KIND = FieldDescriptorProto
_NAMES = {
    _KIND.TYPE_DOUBLE: "double",
    _KIND.TYPE_FLOAT: "float",
    _KIND.TYPE_UINT32: "uint32",
    _KIND.TYPE_UINT64: "uint64",
    _KIND.TYPE_INT64: "int64",
    _KIND.TYPE_SINT64: "sint64",
    _KIND.TYPE_FIXED32: "fixed32",
    _KIND.TYPE_FIXED64: "fixed64",
    _KIND.TYPE_SFIXED64: "sfixed64",
    _KIND.TYPE_BOOL: "bool",
    _KIND.TYPE_STRING: "string",
    _KIND.TYPE_BYTES: "bytes",
}
Comments = Mapping[tuple[int, ...], str]


def control_page() -> str:
    """Return the page of `control`."""
    return _page("Control messages", ["control.proto"])


def stream_page() -> str:
    """Return the page of all other topics."""
    names = ["request", "input", "score", "answer", "decision", "outcome", "status", "value"]
    return _page("Messages of the stream", [f"{name}.proto" for name in names])


def _page(title: str, names: list[str]) -> str:
    lines: list[str] = []
    for file in _read(names):
        comments = {tuple(each.path): _comment(each) for each in file.source_code_info.location}
        lines += [f"## {Path(file.name).name}", "", comments.get((12,), ""), ""]
        for place, message in enumerate(file.message_type):
            lines += _message(message, (_MESSAGE, place), comments)
        for place, enum in enumerate(file.enum_type):
            lines += _enum(enum, (_ENUM, place), comments)
    return page(title, "`proto/scoring/v1`", lines)


def _read(names: list[str]) -> Iterator[FileDescriptorProto]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "set"
        command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{_PROTO}", f"--descriptor_set_out={out}"]
        files = [f"scoring/v1/{name}" for name in names]
        subprocess.run([*command, "--include_source_info", *files], check=True)  # noqa: S603 - our own
        found = {each.name: each for each in FileDescriptorSet.FromString(out.read_bytes()).file}
    return (found[name] for name in files)


def _comment(location: object) -> str:
    leading = getattr(location, "leading_comments", "") or getattr(location, "trailing_comments", "")
    detached = " ".join(getattr(location, "leading_detached_comments", ()))
    return " ".join(f"{detached} {leading}".split())


def _message(message: DescriptorProto, path: tuple[int, ...], comments: Comments) -> list[str]:
    maps = {f"{message.name}.{each.name}": each for each in message.nested_type if each.options.map_entry}
    rows = []
    for place, field in enumerate(message.field):
        told = comments.get((*path, _FIELD, place), "")
        if field.HasField("oneof_index") and not field.proto3_optional:
            told = f"One of *{message.oneof_decl[field.oneof_index].name}*. {told}"
        rows.append((str(field.number), code(field.name), _type(field, maps), told))
    head = [f"### {message.name}", "", comments.get(path, "")]
    return [*head, *(table(("", "Field", "Type", "Meaning"), rows) if rows else [""])]


def _type(field: FieldDescriptorProto, maps: Mapping[str, DescriptorProto]) -> str:
    entry = next((each for name, each in maps.items() if field.type_name.endswith(name)), None)
    if entry is not None:
        key, value = (_type(each, {}) for each in entry.field)
        return f"map of {key} to {value}"
    named = field.type_name.rpartition(".")[2]
    kind = _NAMES.get(field.type, named)
    if field.label == _KIND.LABEL_REPEATED:
        return f"{kind}, repeated"
    return f"{kind}, optional" if field.proto3_optional else kind


def _enum(enum: EnumDescriptorProto, path: tuple[int, ...], comments: Comments) -> list[str]:
    rows = [
        (str(value.number), code(value.name), comments.get((*path, _VALUE, place), ""))
        for place, value in enumerate(enum.value)
    ]
    return [f"### {enum.name}", "", comments.get(path, ""), *table(("", "Value", "Meaning"), rows)]
