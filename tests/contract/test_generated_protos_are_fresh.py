"""The generated messages are those of proto/, and twins read each other's bytes."""

import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import DescriptorProto
from scoring.v1.answer_pb2 import Answer, AnswerHead
from scoring.v1.input_pb2 import Input, InputFrame, InputHead
from scoring.v1.score_pb2 import Score, ScoreHead

ROOT = Path(__file__).resolve().parents[2]
CHECKED_IN = ROOT / "libs" / "contracts" / "src"


def generated(folder: Path) -> dict[str, str]:
    paths = (path for suffix in ("*.py", "*.pyi") for path in (folder / "scoring").rglob(suffix))
    return {str(path.relative_to(folder)): path.read_text() for path in paths}


def test_the_generated_messages_are_fresh(tmp_path: Path) -> None:
    # In a process of its own, because protoc finds its plugin on PATH.
    command = [sys.executable, str(ROOT / "tools" / "generate_protos.py"), str(tmp_path)]
    subprocess.run(command, env={"PATH": str(Path(sys.executable).parent)}, check=True, timeout=60)

    assert generated(tmp_path) == generated(CHECKED_IN), "run tools/generate_protos.py and commit the result"


WIRE_TYPES = {
    FieldDescriptor.TYPE_FIXED64: "64 bits",
    FieldDescriptor.TYPE_SFIXED64: "64 bits",
    FieldDescriptor.TYPE_DOUBLE: "64 bits",
    FieldDescriptor.TYPE_FIXED32: "32 bits",
    FieldDescriptor.TYPE_SFIXED32: "32 bits",
    FieldDescriptor.TYPE_FLOAT: "32 bits",
    FieldDescriptor.TYPE_STRING: "length-delimited",
    FieldDescriptor.TYPE_BYTES: "length-delimited",
    FieldDescriptor.TYPE_MESSAGE: "length-delimited",
}


def layout(message: Descriptor) -> dict[str, tuple[int, str, bool]]:
    """Return, for each field, its number, its wire type and whether it repeats."""
    return {
        field.name: (field.number, WIRE_TYPES.get(field.type, "varint"), field.is_repeated)
        for field in message.fields
    }


def reserved(message: Descriptor) -> set[int]:
    proto = DescriptorProto()
    message.CopyToProto(proto)
    return {number for span in proto.reserved_range for number in range(span.start, span.end)}


@pytest.mark.parametrize(
    ("whole", "twin"),
    [
        (Input.DESCRIPTOR, InputHead.DESCRIPTOR),
        (Input.DESCRIPTOR, InputFrame.DESCRIPTOR),
        (Score.DESCRIPTOR, ScoreHead.DESCRIPTOR),
        (Answer.DESCRIPTOR, AnswerHead.DESCRIPTOR),
    ],
    ids=lambda message: message.name,
)
def test_twins_agree_on_the_wire(whole: Descriptor, twin: Descriptor) -> None:
    known = layout(whole)

    assert layout(twin) == {name: known.get(name) for name in layout(twin)}


@pytest.mark.parametrize(
    ("whole", "twin"),
    [
        (Input.DESCRIPTOR, InputHead.DESCRIPTOR),
        (Score.DESCRIPTOR, ScoreHead.DESCRIPTOR),
        (Answer.DESCRIPTOR, AnswerHead.DESCRIPTOR),
    ],
    ids=lambda message: message.name,
)
def test_a_twin_takes_or_reserves_every_number(whole: Descriptor, twin: Descriptor) -> None:
    taken = {field.number for field in twin.fields}

    assert taken | reserved(twin) == {field.number for field in whole.fields}
    assert not taken & reserved(twin)
