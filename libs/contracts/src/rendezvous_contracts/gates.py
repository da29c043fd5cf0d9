"""Gates of roll-outs as people write them: p99_ms<20, mean_abs_delta(canary)<0.3."""

import math
import re
from collections.abc import Mapping
from typing import Final

from scoring.v1.control_pb2 import Gate

from rendezvous_contracts.errors import BadGateError

CHAMPION: Final = "champion"
CANARY: Final = "canary"
# By metric, whom it compares the new model with; empty: nobody, it is the model's own.
METRICS: Final[Mapping[str, tuple[str, ...]]] = {
    "p50_ms": ("",),
    "p99_ms": ("",),
    "error_rate": ("",),
    "late_rate": ("",),
    "mean_abs_delta": (CHAMPION, CANARY),
    "p99_abs_delta": (CHAMPION, CANARY),
    "disagreement_rate": (CHAMPION, CANARY),
}
_TEXT: Final = re.compile(r"\s*([a-z0-9_]+)\s*(?:\(\s*([a-z]*)\s*\))?\s*<\s*(\S+)\s*", re.ASCII)


def parse_gate(text: str) -> Gate:
    """Return the gate that *text* writes; raises BadGateError with what is wrong."""
    match = _TEXT.fullmatch(text)
    if match is None:
        raise BadGateError(f"{text[:80]!r} is not a gate: write p99_ms<20 or mean_abs_delta(canary)<0.3")
    metric, against, bound = match.groups()
    try:
        below = float(bound)
    except ValueError:
        raise BadGateError(f"{text[:80]!r}: {bound[:40]!r} is not a number") from None
    gate = Gate(metric=metric, against=against or "", below=below)
    check_gate(gate)
    return gate


def check_gate(gate: Gate) -> None:
    """Raise BadGateError with the first thing that is wrong with *gate*."""
    known = METRICS.get(gate.metric)
    if known is None:
        raise BadGateError(f"there is no metric {gate.metric[:40]!r}: use one of {', '.join(METRICS)}")
    if gate.against not in known:
        wanted = " or ".join(f"{gate.metric}({each})" if each else gate.metric for each in known)
        raise BadGateError(f"{format_gate(gate)[:80]!r}: write {wanted}")
    if not math.isfinite(gate.below):
        raise BadGateError(f"{format_gate(gate)[:80]!r}: the bound has to be a finite number")


def format_gate(gate: Gate) -> str:
    """Return *gate* as people write it."""
    against = f"({gate.against})" if gate.against else ""
    return f"{gate.metric}{against}<{gate.below:g}"
