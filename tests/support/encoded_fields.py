"""Encoded fields as any process may have written them, and what it is to have read them right."""

from collections.abc import Mapping
from random import Random

from rendezvous_contracts.values import to_fields


def in_any_order(values: Mapping[str, object], random: Random) -> bytes:
    """Return *values* encoded in an order that *random* draws: protobuf leaves it to each process."""
    entries = [to_fields({name: value}).SerializeToString() for name, value in values.items()]
    random.shuffle(entries)
    return b"".join(entries)


def same(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """Whether both hold the same, by type and by sign of zero too, and NaN for NaN."""
    return {name: repr(value) for name, value in one.items()} == {
        name: repr(value) for name, value in other.items()
    }
