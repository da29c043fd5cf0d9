"""Messages in the manner of flink-jpmml's control stream, as control messages. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from scoring.v1.control_pb2 import AddModel, Control, Model, RemoveModel, UpdateModel

from rendezvous_contracts.errors import ForeignMessageError
from rendezvous_contracts.foreign import Foreign, foreign_artifact
from rendezvous_contracts.names import ModelId, check_version

_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MAX_STAMP_MS: Final = 2**53


@dataclass(frozen=True, slots=True)
class JpmmlMessage:
    """A message in the manner of flink-jpmml; *path* is empty where a model goes."""

    kind: Literal["ADD", "UPDATE", "DEL"]
    model: ModelId
    path: str
    at_us: int


def read_jpmml(value: bytes) -> JpmmlMessage:
    """
    Return the message that *value* writes, as JSON: {type, name, version, path, occurredOn}.

    The type is ADD, UPDATE or DEL, the name a UUID in lower case, the version an integer; instead of these
    two modelId, name_version. occurredOn is in milliseconds since the epoch. Raises ForeignMessageError.
    """
    try:
        said = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise ForeignMessageError(f"not JSON: {error}") from error
    if not isinstance(said, dict):
        raise ForeignMessageError("expected an object with type, name, version, path and occurredOn")
    kind = said.get("type")
    if kind not in ("ADD", "UPDATE", "DEL"):
        raise ForeignMessageError(f"type is {str(kind)[:40]!r}: use ADD, UPDATE or DEL")
    path = said.get("path", "")
    if not isinstance(path, str) or bool(path) == (kind == "DEL"):
        raise ForeignMessageError("ADD and UPDATE have the path of a model, DEL has none")
    return JpmmlMessage(kind, _jpmml_id(said), path, _stamp_us(said.get("occurredOn")))


def _jpmml_id(said: Mapping[str, object]) -> ModelId:
    name, version = said.get("name"), said.get("version")
    if "modelId" in said and name is None and version is None:
        name, _, version = str(said["modelId"]).rpartition("_")
    if not isinstance(name, str) or not _UUID.fullmatch(name):
        raise ForeignMessageError(f"name is {str(name)[:80]!r}: expected a UUID in lower case")
    if isinstance(version, bool) or not re.fullmatch("[0-9]{1,19}", str(version), re.ASCII):
        raise ForeignMessageError(f"version is {str(version)[:40]!r}: expected an integer from 0 on")
    return ModelId(name, check_version(str(version)))


def _stamp_us(stamp: object) -> int:
    if isinstance(stamp, bool) or not isinstance(stamp, int) or not 0 <= stamp <= _MAX_STAMP_MS:
        raise ForeignMessageError(f"occurredOn is {str(stamp)[:40]!r}: expected milliseconds since the epoch")
    return stamp * 1000


def jpmml_change(
    message: JpmmlMessage, content: bytes, record: Foreign, *, newest_us: int | None = None
) -> Control:
    """
    Return the control message that *message* asks for.

    *content*: the artifact at its path. *newest_us*: the stamp of the last change to its model, if there was
    one: what occurred before it comes too late, and raises ForeignMessageError.
    """
    if newest_us is not None and message.at_us < newest_us:
        raise ForeignMessageError(
            f"{message.kind} of {message.model} occurred {(newest_us - message.at_us) / 1000:g} ms before "
            "the last change to it: it comes too late"
        )
    if message.kind == "DEL":
        removal = RemoveModel(name=message.model.name, version=message.model.version)
        return record.ask(removal, message.at_us)
    model = Model(
        name=message.model.name,
        version=message.model.version,
        type="pmml",
        artifact=foreign_artifact(content, message.path),
        author=record.author,
    )
    change = AddModel(model=model) if message.kind == "ADD" else UpdateModel(model=model)
    return record.ask(change, message.at_us)
