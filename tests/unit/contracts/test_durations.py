import pytest
from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.durations import format_duration, parse_duration
from rendezvous_contracts.errors import BadDurationError


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("50ms", 50_000),
        ("1.5s", 1_500_000),
        ("200us", 200),
        ("0ms", 0),
        ("2m", 120_000_000),
        ("0.05s", 50_000),
    ],
)
def test_a_duration_is_read_exactly(text: str, microseconds: int) -> None:
    assert parse_duration(text) == microseconds


@pytest.mark.parametrize("text", ["50", "ms", "-1ms", "1e3ms", "50 ms", "50MS", "٥ms", "", "nan s", "1.ms"])  # noqa: RUF001 an Arabic digit is the case
def test_a_text_that_is_no_duration_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadDurationError, match="like 50ms"):
        parse_duration(text)


def test_less_than_a_microsecond_is_refused() -> None:
    with pytest.raises(BadDurationError, match="finer than a microsecond"):
        parse_duration("0.5us")


@pytest.mark.parametrize(
    ("microseconds", "text"),
    [(0, "0ms"), (999, "999us"), (1_500, "1.5ms"), (50_000, "50ms"), (61_000_000, "61s")],
)
def test_a_duration_is_written_in_its_largest_unit(microseconds: int, text: str) -> None:
    assert format_duration(microseconds) == text


@given(st.integers(0, 2**32 - 1))
def test_a_duration_survives_writing_and_reading(microseconds: int) -> None:
    assert parse_duration(format_duration(microseconds)) == microseconds
