"""Changed copies of the state's mappings, without copying them."""

from collections.abc import Mapping
from typing import TypeVar

from immutables import Map

V = TypeVar("V")


def put(mapping: Mapping[str, V], key: str, value: V) -> Mapping[str, V]:
    """Return *mapping* with *value* at *key*; in logarithmic time if it came from here."""
    persistent = mapping if isinstance(mapping, Map) else Map(mapping)
    return persistent.set(key, value)
