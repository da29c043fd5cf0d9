"""Durations as people write them: 50ms, 1.5s, 200us. In messages they are whole microseconds."""

import re
from typing import Final

from rendezvous_contracts.errors import BadDurationError

_UNITS: Final = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000}
_TEXT: Final = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,6}))?(us|ms|s|m)", re.ASCII)


def parse_duration(text: str) -> int:
    """Return the microseconds that *text* writes, exactly; raises BadDurationError with what is wrong."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadDurationError(
            f"{text[:80]!r} is not a duration: write a number and us, ms, s or m, like 50ms"
        )
    whole, fraction, unit = match.groups()
    millionths = int(f"{whole}{fraction or '':0<6}") * _UNITS[unit]
    microseconds, rest = divmod(millionths, 1_000_000)
    if rest:
        raise BadDurationError(f"{text!r} is finer than a microsecond")
    return microseconds


def format_duration(microseconds: int) -> str:
    """Return *microseconds* (not negative) exactly, in the largest of us, ms and s that reaches 1."""
    if microseconds == 0:
        return "0ms"
    unit = next(unit for unit in ("s", "ms", "us") if microseconds >= _UNITS[unit])
    whole, rest = divmod(microseconds, _UNITS[unit])
    digits = len(str(_UNITS[unit])) - 1
    fraction = f".{rest:0{digits}}".rstrip("0") if rest else ""
    return f"{whole}{fraction}{unit}"
