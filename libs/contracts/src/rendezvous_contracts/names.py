"""How routes, models and requests are named."""

import re
from typing import Final, NamedTuple

from rendezvous_contracts.errors import BadNameError

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
# What people call the build that has no name.
DEFAULT_BUILD: Final = "default"
_REQUEST_ID: Final = re.compile(r"[!-~]{1,128}")


class ModelId(NamedTuple):
    """A model's identity; str() is name@version, as policies and scores write it."""

    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def parse_model_id(text: str) -> ModelId:
    """Return the identity that *text* (name@version) writes; raises BadNameError with what is wrong."""
    name, at, version = text.partition("@")
    if not at:
        raise BadNameError(f"{text!r}: a model is named name@version, like wine-forest@3")
    return ModelId(check_name(name, "model name"), check_version(version))


def check_name(text: str, what: str) -> str:
    """Return *text* if it can name a route or a model (a DNS label); raises BadNameError otherwise."""
    if not _NAME.fullmatch(text):
        raise BadNameError(f"{what} {text[:80]!r}: use 1 to 63 of a-z, 0-9 and -, not at either end")
    return text


def check_version(text: str) -> str:
    """Return *text* if it can be a model's version; raises BadNameError otherwise."""
    if not _VERSION.fullmatch(text):
        raise BadNameError(f"version {text[:80]!r}: use 1 to 63 letters, digits, '.', '_' and '-'")
    return text


def check_build(text: str) -> str:
    """Return the build that *text* names; the default one, by its name or by none, is empty."""
    if text in ("", DEFAULT_BUILD):
        return ""
    if not _VERSION.fullmatch(text):
        raise BadNameError(f"build {text[:80]!r}: use 1 to 63 letters, digits, '.', '_' and '-'")
    return text


def check_request_id(text: str) -> str:
    """Return *text* if it can be a request's id; raises BadNameError otherwise."""
    if not _REQUEST_ID.fullmatch(text):
        raise BadNameError(
            f"request id {text[:80]!r}: use 1 to 128 printable ASCII characters without spaces"
        )
    return text
