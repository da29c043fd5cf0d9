"""Golden records that come with a model, in its archive."""

from pathlib import Path
from typing import Final

from rendezvous_contracts.errors import BadPolicyError
from rendezvous_contracts.policy_models import parse_golden
from rendezvous_contracts.policy_yaml import MAX_CHARACTERS
from scoring.v1.control_pb2 import Golden, Model

from rendezvous_models.errors import BadModelError

# A SavedModel keeps what is its user's in assets.extra.
_PLACES: Final = ("golden.json", "golden.yaml", "assets.extra/golden.json", "assets.extra/golden.yaml")


def with_recorded(descriptor: Model, folder: Path) -> Model:
    """
    Return *descriptor* with the golden records of *folder*, the unpacked model, unless it has some itself.

    Raises BadModelError for a file of golden records that cannot be read.
    """
    if descriptor.golden:
        return descriptor
    completed = Model()
    completed.CopyFrom(descriptor)
    completed.golden.extend(_recorded(folder))
    return completed


def _recorded(folder: Path) -> list[Golden]:
    for place in _PLACES:
        path = folder / place
        if path.is_file():
            return _read(path, place)
    return []


def _read(path: Path, place: str) -> list[Golden]:
    try:
        with path.open(encoding="utf-8") as file:
            return parse_golden(file.read(MAX_CHARACTERS + 1), place)
    except (BadPolicyError, UnicodeDecodeError) as error:
        raise BadModelError(f"the model's own golden records cannot be read: {error}") from error
