"""What a model sees is what was sent, whatever the value."""

import math
import struct

from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_contracts.values import from_fields, to_fields
from scoring.v1.value_pb2 import Fields, Value

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0, 0.0, -0.0, False, "", b""]),
    st.text(max_size=5),
    st.binary(max_size=5),
)


def _exact(value: object) -> tuple[type, object]:
    """Tells apart what == does not: 1, 1.0 and True, and the two zeros."""
    return type(value), struct.pack(">d", value) if isinstance(value, float) else value


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), values))
def test_fields_survive_the_wire(row: dict[str, object]) -> None:
    read = from_fields(Fields.FromString(to_fields(row).SerializeToString()))

    assert {name: _exact(value) for name, value in read.items()} == {
        name: _exact(value) for name, value in row.items()
    }


def test_numbers_that_nobody_may_send_are_read_as_they_are() -> None:
    read = from_fields(Fields(values={"n": Value(number=math.nan), "i": Value(number=-math.inf)}))

    assert math.isnan(float(str(read["n"])))
    assert read["i"] == -math.inf
