"""The artifact of a Python model: a short JSON document that names code which is installed already."""

import json
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Final, NamedTuple

from rendezvous_models.errors import BadModelError, RuntimeUnavailableError

GROUP: Final = "rendezvous.models"
_MAX_BYTES: Final = 1 << 20
_KEYS: Final = frozenset({"entry_point", "parameters", "version"})
_SHOWN: Final = 80


class PythonDocument(NamedTuple):
    """
    What to make a model of.

    *entry_point* is a name in the group rendezvous.models, *parameters* go to the factory there by name.
    *version*: that of the installed distribution that the model was tested with; empty for any.
    """

    entry_point: str
    parameters: Mapping[str, Any]
    version: str


def read_python(artifact: Path) -> PythonDocument:
    """Return the document at *artifact*; raises BadModelError that says what is wrong with it."""
    size = artifact.stat().st_size
    if size > _MAX_BYTES:
        raise BadModelError(
            f"the document has {size} bytes; allowed are {_MAX_BYTES}: it names code, not data"
        )
    try:
        found = json.loads(artifact.read_bytes(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:  # of which decoding errors are one
        raise BadModelError(f"the artifact of a Python model is a JSON document: {error}") from error
    if not isinstance(found, dict):
        raise BadModelError('the document is no object such as {"entry_point": "wine-forest"}')
    if unknown := sorted(found.keys() - _KEYS):
        raise BadModelError(
            f"the document has the key {unknown[0][:_SHOWN]!r}; known are {', '.join(sorted(_KEYS))}"
        )
    return _checked(found.get("entry_point"), found.get("parameters", {}), found.get("version", ""))


def _checked(name: object, parameters: object, version: object) -> PythonDocument:
    if not isinstance(name, str) or not name:
        raise BadModelError(f"the document's entry_point must name an entry point in the group {GROUP}")
    if not isinstance(parameters, dict):
        raise BadModelError("the document's parameters must be an object: names and values")
    if not isinstance(version, str):
        raise BadModelError("the document's version must be a text such as '1.2.0'")
    return PythonDocument(name, parameters, version)


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def find_entry_point(document: PythonDocument) -> EntryPoint:
    """
    Return the registered entry point; nothing is imported.

    Raises RuntimeUnavailableError where no installed distribution has it, or another version than asked for.
    """
    found = tuple(entry_points(group=GROUP, name=document.entry_point))
    if not found:
        known = ", ".join(sorted(entry_points(group=GROUP).names)) or "none"
        raise RuntimeUnavailableError(
            f"no installed distribution has {document.entry_point[:_SHOWN]!r} in its entry points "
            f"{GROUP}; installed are: {known}"
        )
    if len({entry.value for entry in found}) > 1:
        names = ", ".join(sorted(entry.dist.name for entry in found if entry.dist))
        raise RuntimeUnavailableError(f"several distributions have {document.entry_point!r}: {names}")
    entry = found[0]
    installed = entry.dist.version if entry.dist else ""
    if document.version not in {"", installed}:
        raise RuntimeUnavailableError(
            f"{document.entry_point!r} wants version {document.version[:_SHOWN]} of its distribution; "
            f"{installed or 'an unknown one'} is installed"
        )
    return entry
