import io

import pytest
from rendezvous_cli.errors import CliError, UsageError
from rendezvous_cli.fields import read_fields, read_rows, read_value


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("9.4", 9.4),
        ("7", 7),
        ("-1e3", -1000.0),
        ("true", True),
        ("null", None),
        ('"7"', "7"),
        ("red", "red"),
        ("007", "007"),
        ("NaN", "NaN"),
        ("[1]", "[1]"),
        ("", ""),
        ("a=b", "a=b"),
    ],
)
def test_a_value_is_what_it_looks_like(written: str, value: object) -> None:
    assert read_value(written, "any") == value
    assert type(read_value(written, "any")) is type(value)


def test_a_declared_text_stays_as_it_is_written() -> None:
    assert read_fields(["zip=01234", "n=7"], {"zip": "text", "n": "integer"}) == {"zip": "01234", "n": 7}


@pytest.mark.parametrize("texts", [["alcohol"], ["=7"], ["a=1", "a=2"]])
def test_a_field_in_another_form_is_refused(texts: list[str]) -> None:
    with pytest.raises(UsageError):
        read_fields(texts, {})


def rows(text: str, source: str) -> list[dict[str, object]]:
    return list(read_rows(io.StringIO(text), source, {"colour": "text"}))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_of_csv_are_read_with_their_separator(separator: str) -> None:
    text = 'alcohol,"total acid",colour\n9.4,7,12\n\n,3,"red, or not"\n'.replace(",", separator)

    assert rows(text, "wine.csv") == [
        {"alcohol": 9.4, "total acid": 7, "colour": "12"},
        {"total acid": 3, "colour": f"red{separator} or not"},
    ]


def test_lines_of_json_are_read() -> None:
    assert rows('{"a": 1}\n\n{"a": [1, 2]}\n', "-") == [{"a": 1}, {"a": [1, 2]}]


@pytest.mark.parametrize(
    ("text", "source", "problem"),
    [
        ("a,b\n1,2\n1\n", "f.csv", "f.csv: line 3: 1 cells under 2 names"),
        ("a,a\n", "f.csv", "f.csv: line 1: the header names a column twice"),
        ('a\n"x', "f.csv", "f.csv: line 2: "),
        ('{"a": 1}\n{', "f.ndjson", "f.ndjson:2: not JSON"),
        ('{"a": NaN}', "f.ndjson", "f.ndjson:1: not JSON: NaN"),
        ("[1]", "f.jsonl", "f.jsonl:1: expected an object of fields"),
    ],
)
def test_a_row_that_is_wrong_is_named(text: str, source: str, problem: str) -> None:
    with pytest.raises(CliError, match=problem):
        rows(text, source)


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(UsageError, match=r"f\.xls: name a file \.csv"):
        rows("", "f.xls")
