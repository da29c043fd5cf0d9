import pytest
from rendezvous_contracts.values import Plain
from rendezvous_models.records import BadTableError, Dialect, Matching, Record, Table, match_header, typed
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

NUMBER, TEXT = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_TEXT
FIELDS = (Field(name="fixed acidity", type=NUMBER), Field(name="colour", type=TEXT, optional=True))


def table(text: str) -> Table:
    return Table(text.splitlines(keepends=True))


def rows(text: str) -> list[Record]:
    found = table(text)
    return list(found.records(match_header(found.header, FIELDS)))


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("a,b\n1,2\n", Dialect(",", '"')),
        ("a;b\n1,5;2,5\n", Dialect(";", '"')),
        ('"a";"b"\n"1;5";2\n', Dialect(";", '"')),
        ("a\tb\n1\t2\n", Dialect("\t", '"')),
        ("a|b\n1|2\n", Dialect("|", '"')),
        ("'a','b'\n'it''s',2\n", Dialect(",", "'")),
        ('a,b\nit\'s,2\n\'tis,3\n"x,y",4\n"z",5\n"q",6\n', Dialect(",", '"')),
        ("alone\n1\n2\n", Dialect(",", '"')),
        ("a,b", Dialect(",", '"')),
        ("name;note\nx;a,b,c\ny;d,e,f\n", Dialect(";", '"')),
    ],
)
def test_separator_and_quotes_are_told_from_the_text(text: str, dialect: Dialect) -> None:
    assert table(text).dialect == dialect


def test_a_sample_that_ends_inside_a_quoted_cell_still_tells_the_separator() -> None:
    lines = ["a;b\n", *["1;2\n"] * 98, '3;"deep\n', 'red"\n']

    assert table("".join(lines)).dialect.separator == ";"


def test_rows_become_fields_of_the_declared_types() -> None:
    assert rows('"Fixed_Acidity";colour;year\n7.4;red;2009\n8;;x\n') == [
        Record(1, {"fixed acidity": 7.4, "colour": "red", "year": 2009}),
        Record(2, {"fixed acidity": 8.0, "year": "x"}),
    ]


def test_a_row_of_another_width_is_said_and_the_rest_goes_on() -> None:
    assert rows("fixed acidity,colour\n1\n\n2,red\n") == [
        Record(1, {}, "1 cells under 2 names"),
        Record(2, {"fixed acidity": 2.0, "colour": "red"}),
    ]


def test_a_quoted_cell_may_hold_a_line_break_and_the_separator() -> None:
    assert rows('fixed acidity,colour\n1,"deep\nred, dark"\n')[0].row["colour"] == "deep\nred, dark"


@pytest.mark.parametrize("text", ["", "\n", "a,a\n1,2\n", "a,,b\n1,2,3\n"])
def test_a_header_that_does_not_name_each_column_once_is_refused(text: str) -> None:
    with pytest.raises(BadTableError, match="line 1"):
        table(text)


def test_a_quote_that_never_ends_is_refused_with_its_line() -> None:
    with pytest.raises(BadTableError, match="line 3"):
        rows('fixed acidity,colour\n1,red\n2,"white\n')


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["fixed acidity", "colour"], ["fixed acidity", "colour"]),
        (["Colour", "FIXED_ACIDITY"], ["colour", "fixed acidity"]),
        (["fixedAcidity", "year"], ["fixed acidity", None]),
        (["fixed acidity", "Fixed_Acidity"], ["fixed acidity", None]),
        (["FixedAcidity", "Fixed_Acidity"], [None, None]),
    ],
)
def test_columns_are_matched_with_spaces_underscores_and_case_forgiven(
    header: list[str], names: list[str | None]
) -> None:
    assert [field.name if field else None for field in match_header(header, FIELDS).fields] == names


def test_fields_that_are_alike_are_matched_by_their_exact_names_only() -> None:
    fields = (Field(name="a b"), Field(name="a_b"))

    assert match_header(["a_b", "A B"], fields).fields == (fields[1], fields[0])
    assert match_header(["AB"], fields).fields == (None,)


def test_what_was_forgiven_and_what_is_missing_is_said() -> None:
    assert match_header(["Fixed_Acidity", "year"], FIELDS).notes == (
        "column 'Fixed_Acidity' is taken for the field 'fixed acidity'",
        "column 'year' is no field of the model",
        "no column is the field 'colour', which may be missing",
    )
    assert match_header(["colour"], FIELDS).notes == (
        "no column is the field 'fixed acidity', so no row will fit",
    )


def test_a_model_without_fields_takes_every_column_as_it_is() -> None:
    assert match_header(["a", "b"], ()) == Matching((None, None), ())


@pytest.mark.parametrize(
    ("cell", "kind", "value"),
    [
        ("7", "NUMBER", 7.0),
        (" -7.5e2 ", "NUMBER", -750.0),
        ("7,5", "NUMBER", "7,5"),
        ("1_000", "NUMBER", "1_000"),
        ("NA", "NUMBER", "NA"),
        ("7", "INTEGER", 7),
        ("7.5", "INTEGER", 7.5),
        ("9" * 30, "INTEGER", 1e30),
        ("TRUE", "FLAG", True),
        ("1", "FLAG", "1"),
        ("7", "TEXT", "7"),
        (" red ", "TEXT", " red "),
        ("7", "UNSPECIFIED", 7),
        ("7.0", "UNSPECIFIED", 7.0),
        ("false", "UNSPECIFIED", False),
        ("red", "UNSPECIFIED", "red"),
        ("[[1, 2], [3, 4.5]]", "TENSOR", Tensor(shape=[2, 2], numbers=[1, 2, 3, 4.5])),
        ("[[1, 2], [3]]", "TENSOR", "[[1, 2], [3]]"),
        ("[true]", "TENSOR", "[true]"),
        ("nonsense", "TENSOR", "nonsense"),
        ("[" * 100_000, "TENSOR", "[" * 100_000),
    ],
    ids=range(21),
)
def test_a_cell_reads_as_its_field_asks_or_stays_text(cell: str, kind: str, value: Plain) -> None:
    found = typed(cell, Field(name="a", type=FieldType.Value(f"FIELD_TYPE_{kind}")))

    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize("cell", ["9" * 120_000 + "x", "." * 120_000, "1e" + "9" * 120_000 + "x"])
@pytest.mark.timeout(5)
def test_a_long_cell_that_is_no_number_costs_no_time(cell: str) -> None:
    assert typed(cell, Field(name="a", type=NUMBER)) == cell


@pytest.mark.parametrize("line", ["\t" * 120_000, " " * 120_000, "," * 120_000])
@pytest.mark.timeout(20)
def test_a_header_made_to_confuse_costs_no_time(line: str) -> None:
    with pytest.raises(BadTableError):
        table(line)
