"""The options of models that take and give tensors, as the descriptor writes them: texts by name."""

import json
from collections.abc import Iterable
from typing import Any, Final

from scoring.v1.control_pb2 import Model

from rendezvous_models.contract import check_options
from rendezvous_models.errors import BadModelError

FIELDS: Final = "fields"
CONSTANT: Final = "constant"
MISSING: Final = "missing"
SHAPE: Final = "shape"
OUTPUTS: Final = "outputs"


class TensorOptions:
    """
    The options of *descriptor*, of which the runtime knows *known* and, with a name behind a dot, *named*.

    fields.T: the fields that are the columns of tensor T. constant.T: what every call gives tensor T.
    missing.F: what stands where field F is missing. outputs: the tensors to compute. Raises BadModelError
    for an option that the runtime does not know, for one that is misspelt must not pass unseen.
    """

    def __init__(
        self,
        descriptor: Model,
        *,
        known: Iterable[str] = (OUTPUTS,),
        named: Iterable[str] = (FIELDS, CONSTANT, MISSING),
    ) -> None:
        self._texts = dict(descriptor.options)
        self.declared = tuple(descriptor.inputs)
        self.promised = tuple(descriptor.outputs)
        check_options(descriptor, known, named)

    def text(self, option: str, default: str = "") -> str:
        """Return the text of *option*."""
        return self._texts.get(option, default).strip()

    def count(self, option: str, default: int) -> int:
        """Return a whole number of at least 1."""
        text = self.text(option, str(default))
        if not text.isascii() or not text.isdecimal() or not 0 < int(text[:6]) == int(text):
            raise BadModelError(f"option {option} is no whole number from 1 on: {text[:80]}")
        return int(text)

    def names(self, option: str, about: str = "") -> tuple[str, ...]:
        """Return a list: names between commas or, where a name has one, a list in JSON."""
        key = f"{option}.{about}" if about else option
        text = self.text(key)
        if not text.startswith("["):
            return tuple(name.strip() for name in text.split(",") if name.strip())
        found = _json(key, text)
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise BadModelError(f"option {key} is no list of names: {text[:80]}")
        return tuple(found)

    def value(self, option: str, about: str) -> Any:
        """Return a value in JSON; None if the option is not given. What is not JSON is a text."""
        text = self._texts.get(f"{option}.{about}")
        if text is None:
            return None
        try:
            return json.loads(text)
        except ValueError:
            return text

    def abouts(self, option: str) -> tuple[str, ...]:
        """Return what NAME is in the options *option*.NAME."""
        return tuple(key.partition(".")[2] for key in self._texts if key.startswith(f"{option}."))

    def shape(self, about: str) -> tuple[int | None, ...] | None:
        """Return the shape that is declared for tensor *about*: sizes between commas, ? or -1 for any."""
        sizes = self.names(SHAPE, about)
        try:
            return tuple(None if size in {"?", "-1", "None"} else _size(size) for size in sizes) or None
        except ValueError as error:
            raise BadModelError(f"option {SHAPE}.{about} is no shape such as '?, 13'") from error


def _size(text: str) -> int:
    size = int(text)
    if size < 1:
        raise ValueError(text)
    return size


def _json(key: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadModelError(f"option {key} is not JSON: {error}") from error
