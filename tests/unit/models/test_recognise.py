import gzip
import io
import json
import struct
import tarfile
import zipfile
from pathlib import Path

import pytest
from rendezvous_models.errors import ArtifactRefusedError, UnknownRuntimeError
from rendezvous_models.recognise import of_content, recognise

from tests.support.pmml import regression


def field(number: int, content: bytes | int) -> bytes:
    """One field of a protobuf message, as its documentation has it."""
    if isinstance(content, int):
        return bytes([number << 3]) + varint(content)
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def varint(value: int) -> bytes:
    low = value & 0x7F
    return bytes([low]) if value < 0x80 else bytes([low | 0x80]) + varint(value >> 7)


NODE = field(1, b"dense/MatMul") + field(2, b"MatMul") + field(3, b"x")
ONNX = field(1, 8) + field(2, b"skl2onnx") + field(7, b"graph" * 50_000) + field(8, field(2, 17))
GRAPH = field(1, NODE) + field(1, NODE) + field(4, field(1, 1))
SAVED_MODEL = field(1, 1) + field(2, b"meta graph" * 10_000)


def zipped(*names: str) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as container:
        for name in names:
            container.writestr(name, "x")
    return target.getvalue()


def tarred(*names: str) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name))
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (regression({"a": 1.0}), "pmml"),
        (b"\xef\xbb\xbf<!-- made -->\n<p:PMML xmlns:p='x'>", "pmml"),
        (ONNX, "onnx"),
        (GRAPH, "tensorflow-graph"),
        (SAVED_MODEL, "tensorflow-savedmodel"),
        (zipped("wine/saved_model.pb", "wine/variables/variables.index"), "tensorflow-savedmodel"),
        (tarred("./saved_model.pb"), "tensorflow-savedmodel"),
        (gzip.compress(tarred("1/saved_model.pb")), "tensorflow-savedmodel"),
        (json.dumps({"url": "http://h/score", "body": {}, "outputs": {}}).encode(), "json-http"),
        (json.dumps({"url": "https://h", "model": "m"}).encode(), "open-inference-http"),
        (json.dumps({"url": "grpc://h:1", "model": "m", "signature": "s"}).encode(), "tensorflow-serving"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_model_is_recognised_by_its_content_whatever_it_is_called(
    tmp_path: Path, content: bytes, kind: str
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)

    assert recognise(path) == kind


def test_a_folder_of_a_saved_model_is_one(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "saved_model.pb").write_bytes(b"x")

    assert recognise(tmp_path) == "tensorflow-savedmodel"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"<html></html>",
        b"<!DOCTYPE PMML><PMML>",
        b"\x80\x04\x95pickle",
        b"{",
        b"[]",
        b"{}",
        b'{"url": "grpc://h:1", "model": "m"}',
        b'{"url": 3}',
        b'{"url": "http://[", "model": "m"}',
        zipped("model.bin"),
        struct.pack("<Q", 5) + b"{}",
    ],
)
def test_what_is_not_sure_is_not_guessed(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(content)

    with pytest.raises(UnknownRuntimeError, match="say which with --type"):
        recognise(path)


def test_a_broken_archive_is_refused_as_such(tmp_path: Path) -> None:
    path = tmp_path / "model.zip"
    path.write_bytes(b"PK\x03\x04broken")

    with pytest.raises(ArtifactRefusedError, match="broken"):
        recognise(path)


def test_a_model_cut_after_its_head_is_recognised() -> None:
    assert of_content(SAVED_MODEL[:100]) == "tensorflow-savedmodel"
    assert of_content((field(1, 8) + field(7, b"graph" * 50_000))[:100]) == "onnx"


@pytest.mark.parametrize("part", [b"<?x?>", b" ", b"<?", b"<!--", b"<!-- -->", b"<a.", b"<?x?> <!---->"])
@pytest.mark.timeout(5)
def test_a_head_made_to_confuse_costs_no_time(part: bytes) -> None:
    assert of_content((part * 65_536)[:65_536] + b"x") == ""
