"""Values as JSON has them, in the form that the gateway takes and gives."""

import math
from base64 import b64encode

from scoring.v1.value_pb2 import Tensor


def to_json(value: object) -> object:
    """Return *value* as JSON: bytes in base 64, a tensor as nested lists, a number that is none as null."""
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, Tensor):
        return _nested(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _nested(tensor: Tensor) -> list[object]:
    level: list[object] = list(tensor.numbers)
    for width in reversed(tensor.shape[1:]):
        level = [level[start : start + width] for start in range(0, len(level), max(1, width))]
    return level
