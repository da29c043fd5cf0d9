"""Model documents, in both directions."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from scoring.v1.control_pb2 import Artifact, Golden, Model

from rendezvous_contracts.names import ModelId, check_name, parse_model_id
from rendezvous_contracts.policy_fields import read_fields, read_values, write_fields, write_values
from rendezvous_contracts.policy_nodes import Place, required
from rendezvous_contracts.policy_yaml import read_nodes

_KEYS: Final = (
    "model",
    "type",
    "description",
    "data_type",
    "author",
    "quality",
    "artifact",
    "inputs",
    "outputs",
    "options",
    "golden",
    "golden_tolerance",
)
_SOURCES: Final = ("path", "data", "location")
_SHA256_DIGITS: Final = 64


@dataclass(frozen=True, slots=True)
class ReadModel:
    """A model, and the path of its artifact where a file names one: whoever has files completes the model."""

    model: Model
    path: str | None


def read_model(place: Place) -> ReadModel:
    """Read one model; raises BadPolicyError with the first thing that is wrong."""
    parts = place.mapping(_KEYS)
    name, version = parts["model"].checked(parse_model_id)
    texts = {key: parts[key].text() for key in ("description", "data_type", "author") if key in parts}
    artifact, path = _read_artifact(required(parts, "artifact", place))
    model = Model(
        name=name,
        version=version,
        type=required(parts, "type", place).checked(lambda text: check_name(text, "model type")),
        artifact=artifact,
        inputs=read_fields(parts["inputs"]) if "inputs" in parts else [],
        outputs=read_fields(parts["outputs"]) if "outputs" in parts else [],
        quality=parts["quality"].number() if "quality" in parts else 0.0,
        options=_read_options(parts["options"]) if "options" in parts else {},
        golden=read_golden(parts["golden"]) if "golden" in parts else [],
        golden_tolerance=_tolerance(parts["golden_tolerance"]) if "golden_tolerance" in parts else None,
        **texts,
    )
    return ReadModel(model, path)


def _read_options(place: Place) -> dict[str, str]:
    # Options are texts: a number or a flag is one as it is written.
    return {
        name: at.node.value if at.kind in {"an integer", "a number", "a flag"} else at.text()
        for name, at in place.items()
    }


def read_golden(place: Place) -> list[Golden]:
    """Read a list of {inputs: {name: value}, outputs: {name: value}}, each with an output at least."""
    return [_read_record(record) for record in place.sequence()]


def parse_golden(text: str, source: str) -> list[Golden]:
    """Return the golden records of *text*, a list in YAML or JSON; raises BadPolicyError at *source*."""
    places = [Place(source, "the golden records", node) for node in read_nodes(text, source)]
    return [golden for place in places for golden in read_golden(place)]


def _read_record(place: Place) -> Golden:
    parts = place.mapping(("inputs", "outputs"))
    outputs = required(parts, "outputs", place)
    golden = Golden(inputs=read_values(required(parts, "inputs", place)), outputs=read_values(outputs))
    if not golden.outputs.values:
        raise outputs.error("a golden record without an output proves nothing: name one")
    return golden


def _tolerance(place: Place) -> float:
    tolerance = place.number()
    if not 0 <= tolerance < 1:
        raise place.error(f"{tolerance:g} is no relative tolerance: 0 or more, and below 1")
    return tolerance


def _read_artifact(place: Place) -> tuple[Artifact | None, str | None]:
    parts = place.mapping((*_SOURCES, "sha256", "size"))
    sources = [key for key in _SOURCES if key in parts]
    if len(sources) != 1:
        raise place.error(f"name one of {', '.join(_SOURCES)}, and here are {len(sources)}")
    if sources != ["location"] and len(parts) > 1:
        raise place.error("sha256 and size belong to a location; of a path and of data they are computed")
    if "path" in parts:
        return None, parts["path"].text()
    return (_located(parts, place) if "location" in parts else _inline(parts["data"])), None


def _inline(place: Place) -> Artifact:
    data = place.data() if place.kind == "bytes" else place.text().encode()
    return Artifact(data=data, sha256=sha256(data).digest(), size=len(data))


def _located(parts: dict[str, Place], place: Place) -> Artifact:
    digest = required(parts, "sha256", place)
    size = required(parts, "size", place)
    if size.integer() <= 0:
        raise size.error("a size is the number of bytes, 1 or more")
    return Artifact(location=parts["location"].text(), sha256=_digest(digest), size=size.integer())


def _digest(place: Place) -> bytes:
    # A digest of digits only is read as an integer: its author cannot know.
    written = place.node.value if place.kind == "an integer" else place.text()
    if len(written) != _SHA256_DIGITS or not set(written.lower()) <= set("0123456789abcdef"):
        raise place.error("a sha256 is 64 hexadecimal digits, as sha256sum prints it")
    return bytes.fromhex(written)


def model_to_document(model: Model) -> dict[str, object]:
    """Return *model* as plain data that reads back to it; what it leaves unsaid is left out."""
    document: dict[str, object] = {
        "model": str(ModelId(model.name, model.version)),
        "type": model.type,
        "description": model.description,
        "data_type": model.data_type,
        "author": model.author,
        "quality": model.quality,
        "artifact": _write_artifact(model.artifact),
        "inputs": write_fields(model.inputs),
        "outputs": write_fields(model.outputs),
        "options": dict(sorted(model.options.items())),
        "golden": [_write_record(golden) for golden in model.golden],
    }
    said = {key: value for key, value in document.items() if value}
    if model.HasField("golden_tolerance"):
        said["golden_tolerance"] = model.golden_tolerance
    return said


def _write_record(golden: Golden) -> dict[str, object]:
    return {"inputs": write_values(golden.inputs), "outputs": write_values(golden.outputs)}


def _write_artifact(artifact: Artifact) -> dict[str, object]:
    if artifact.WhichOneof("source") == "data":
        return {"data": artifact.data}
    return {"location": artifact.location, "sha256": artifact.sha256.hex(), "size": artifact.size}
