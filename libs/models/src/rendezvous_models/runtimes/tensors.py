"""What a tensor of a model is: its name, type and shape, and the types of fields that fit it."""

import re
from typing import Any, Final, NamedTuple

import numpy as np
from scoring.v1.control_pb2 import FieldType

from rendezvous_models.errors import BadModelError

Array = np.ndarray[Any, np.dtype[Any]]

_KINDS: Final = {
    "f": FieldType.FIELD_TYPE_NUMBER,
    "V": FieldType.FIELD_TYPE_NUMBER,  # bfloat16, which NumPy knows as an extension only
    "i": FieldType.FIELD_TYPE_INTEGER,
    "u": FieldType.FIELD_TYPE_INTEGER,
    "b": FieldType.FIELD_TYPE_FLAG,
    "O": FieldType.FIELD_TYPE_TEXT,
}


class TensorSpec(NamedTuple):
    """
    A tensor as the model declares it.

    *shape* has the rows' dimension first, and None for every dimension that is open; None: not known at all.
    *columns* are the names of an output's columns where the model itself names them.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | None, ...] | None
    columns: tuple[str, ...] = ()

    def __str__(self) -> str:
        kind = "text" if self.dtype.kind == "O" else str(self.dtype)
        return f"{self.name!r} ({kind} {shape_text(self.shape)})"

    @property
    def field_type(self) -> FieldType.ValueType:
        """The type of a field that holds one element; raises BadModelError where there is none."""
        if self.dtype.kind not in _KINDS:
            raise BadModelError(f"tensor {self} has elements that no field can hold")
        return _KINDS[self.dtype.kind]

    @property
    def width(self) -> int | None:
        """How many elements a row has in it; None if that is open, or the rank is not 1 or 2."""
        if self.shape is None or len(self.shape) not in {1, 2}:
            return None
        return 1 if len(self.shape) == 1 else self.shape[1]

    @property
    def deep(self) -> bool:
        """Whether a row is a matrix or more in it."""
        return self.shape is not None and len(self.shape) > 2  # noqa: PLR2004 - the rows, and one dimension


def shape_text(shape: tuple[int | None, ...] | None) -> str:
    """Return *shape* for people."""
    if shape is None:
        return "of any shape"
    return f"[{', '.join('?' if size is None else str(size) for size in shape)}]"


def fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Say whether an array of *shape* may stand where *wanted* is declared."""
    return len(shape) == len(wanted) and all(b in {None, a} for a, b in zip(shape, wanted, strict=True))


def plain_name(name: str) -> str:
    """Return *name* as exporters change it: they write "fixed_acidity" for the field "fixed acidity"."""
    return re.sub(r"\W+", "_", name).casefold()


def rows_at_once(specs: tuple[TensorSpec, ...]) -> int | None:
    """
    Return how many rows a call takes: 1 for a model exported for single rows, None for any number.

    Raises BadModelError for a model exported for another fixed number.
    """
    fixed = {spec.shape[0]: spec for spec in specs if spec.shape and spec.shape[0] is not None}
    for size, spec in fixed.items():
        if size != 1:
            raise BadModelError(
                f"input tensor {spec} takes exactly {size} rows; export the model for any number"
            )
    return 1 if fixed else None
