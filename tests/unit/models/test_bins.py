"""Bins of what models say: the same everywhere, and never too many."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.values import Plain
from rendezvous_models.bins import Bins, bin_of
from rendezvous_runtime.families import OTHER


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (5.6, "5.5"),
        (5, "5"),
        (-5.6, "-5.5"),
        (1.3, "1.2"),
        (0.05, "0.05"),
        (0.0, "0"),
        (-0.0, "0"),
        (1e-9, "0"),
        (-1e-9, "0"),
        (1e12, "950000"),
        (True, "true"),
        ("red", "red"),
        ("x" * 100, "x" * 40),
        (b"bytes", None),
        (None, None),
    ],
)
def test_a_value_has_a_bin(value: Plain, name: str | None) -> None:
    assert bin_of(value) == name


@given(st.floats(-1e6, 1e6))
def test_a_number_lies_beyond_the_end_that_names_its_bin(value: float) -> None:
    name = bin_of(value)
    assert name is not None
    assert abs(float(name)) <= abs(value) * (1 + 1e-9)
    assert float(name) * value >= 0


def test_what_would_begin_one_bin_too_many_is_other() -> None:
    bins = Bins()
    for number in range(100):
        bins.add(f"label {number}")
    assert len(bins.counts) == 65
    assert bins.counts[OTHER] == 36
