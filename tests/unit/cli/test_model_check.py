import json
from hashlib import sha256
from pathlib import Path

import pytest
from rendezvous_cli.main import app
from typer.testing import CliRunner, Result

from tests.support.onnx_models import program

MODEL = program(
    """
    linear (double[N, 1] fixed_acidity, double[N, 1] alcohol) => (double[N, 1] quality)
    <double[1] half = {0.5}, double[1] quarter = {0.25}, double[1] one = {1.0}>
    {
        halved = Mul(fixed_acidity, half)
        quartered = Mul(alcohol, quarter)
        sum = Add(halved, quartered)
        quality = Add(sum, one)
    }
    """
).SerializeToString()
RECORDS = '"Fixed Acidity";Alcohol;note\n7.5;10;a\nstrong;8;b\n7\n2;4;"c;d"\n'
ROWS = [
    {"row": 1, "outputs": {"quality": 7.25}},
    {
        "row": 2,
        "error": {
            "kind": "invalid_input",
            "message": "fixed_acidity: expected a number, got text 'strong'",
            "fields": [{"field": "fixed_acidity", "expected": "a number", "got": "text 'strong'"}],
        },
    },
    {"row": 3, "error": {"kind": "unreadable", "message": "1 cells under 3 names"}},
    {"row": 4, "outputs": {"quality": 3.0}},
]


class Folder:
    """A model and records, and the command about them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("model", MODEL)
        self.write("records.csv", RECORDS)

    def write(self, name: str, content: bytes | str) -> str:
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    def check(self, *arguments: str, stdin: str = "") -> Result:
        places = [str(self.path / each) if (self.path / each).exists() else each for each in arguments]
        return CliRunner(env={"COLUMNS": "200"}).invoke(app, ["model", "check", *places], input=stdin)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_each_row_is_one_object_in_one_line_and_a_row_that_failed_is_exit_code_1(folder: Folder) -> None:
    result = folder.check("model", "--records", "records.csv", "--output", "json")

    assert [json.loads(line) for line in result.stdout.splitlines()] == ROWS
    assert result.exit_code == 1


def test_what_was_told_from_the_content_and_forgiven_is_said_beside_the_data(folder: Folder) -> None:
    said = folder.check("model", "--records", "records.csv", "-o", "json").stderr

    assert f"artifact: size: {len(MODEL)}, sha256: {sha256(MODEL).hexdigest()}" in said
    assert "type: onnx, told from the content" in said
    assert "separated by semicolons, in double quotes" in said
    assert "column 'Fixed Acidity' is taken for the field 'fixed_acidity'" in said
    assert "column 'note' is no field of the model" in said
    assert "latency, warm: a row alone" in said
    assert "4 rows, 2 of them failed" in said


def test_rows_that_all_fit_are_exit_code_0(folder: Folder) -> None:
    records = folder.write("good.csv", "alcohol,fixed_acidity\n10,7.5\n")

    result = folder.check("model", "--records", records, "-o", "json")

    assert (result.exit_code, json.loads(result.stdout)) == (0, ROWS[0])


def test_records_come_from_standard_input_too(folder: Folder) -> None:
    result = folder.check("model", "--records", "-", "-o", "json", stdin="alcohol\tfixed_acidity\n10\t7.5\n")

    assert (result.exit_code, json.loads(result.stdout)) == (0, ROWS[0])


def test_more_rows_than_a_batch_come_out_in_order(folder: Folder) -> None:
    rows = "".join(f"{number},x\n" if number % 7 == 0 else f"{number},0\n" for number in range(1, 51))
    records = folder.write("many.csv", "alcohol,fixed_acidity\n" + rows)

    result = folder.check("model", "--records", records, "-o", "json", "--max-batch", "8")

    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert [each["row"] for each in found] == list(range(1, 51))
    for each in found:
        expected = None if each["row"] % 7 == 0 else each["row"] / 4 + 1
        assert each.get("outputs", {}).get("quality") == expected


def test_for_people_there_are_tables_of_fields_outputs_and_rows(folder: Folder) -> None:
    result = folder.check("model", "--records", "records.csv")

    lines = [line.split() for line in result.stdout.splitlines()]
    assert ["input", "type", "optional", "minimum", "maximum", "categories"] in lines
    assert ["fixed_acidity", "number"] in lines
    assert ["output", "type", "optional", "minimum", "maximum", "categories"] in lines
    assert ["row", "quality", "error"] in lines
    assert ["1", "7.25"] in lines
    assert "fixed_acidity: expected a number, got text 'strong'" in result.stdout


def test_a_model_without_records_is_loaded_and_shown(folder: Folder) -> None:
    result = folder.check("model")

    assert (result.exit_code, "fixed_acidity" in result.stdout) == (0, True)


def golden(quality: float) -> str:
    return json.dumps([{"inputs": {"fixed_acidity": 7.5, "alcohol": 10}, "outputs": {"quality": quality}}])


def test_golden_records_that_are_answered_as_written_are_said(folder: Folder) -> None:
    result = folder.check("model", "--golden", folder.write("golden.json", golden(7.25)))

    assert (result.exit_code, "golden records: 1 answered as written" in result.stderr) == (0, True)


def test_a_golden_record_that_is_answered_otherwise_refuses_the_model(folder: Folder) -> None:
    result = folder.check(
        "model",
        "--records",
        "records.csv",
        "--golden",
        folder.write("golden.json", golden(7.0)),
        "-o",
        "json",
    )

    assert (result.exit_code, result.stdout) == (2, "")
    assert "refused: golden record 1: quality is number 7.25, expected number 7.0" in result.stderr


def test_a_policy_document_says_what_the_model_has_to_be(folder: Folder) -> None:
    policy = folder.write(
        "wine.yaml",
        "model: wine@1\ntype: onnx\nartifact: {path: model}\n"
        "inputs: {fixed_acidity: number, alcohol: {type: number, maximum: 20}}\n"
        f"golden: {golden(7.25)}\n",
    )
    records = folder.write("strong.csv", "alcohol,fixed_acidity\n21,7.5\n")

    result = folder.check("model", "--policy", policy, "--records", records, "-o", "json")

    assert "golden records: 1 answered as written" in result.stderr
    assert "expected a number of at most 20, got number 21.0" in result.stdout
    assert "told from the content" not in result.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("records.csv",), "say which with --type"),
        (("model", "--type", "abacus"), "no runtime serves models of type 'abacus'"),
        (("records.csv", "--type", "onnx"), "not an ONNX model"),
        (("nowhere",), "No such file or directory"),
        (("http://127.0.0.1:9/m",), "not a public address"),
        (("ftp://example.com/m",), "kind that is not read"),
        ((".", "--type", "onnx"), "is a folder; a model of type onnx is one file"),
        (("model", "--option", "colour=red"), "there is no option 'colour'"),
    ],
)
def test_a_model_that_a_container_would_refuse_is_exit_code_2_with_the_reason(
    folder: Folder, arguments: tuple[str, ...], reason: str
) -> None:
    result = folder.check(*arguments, "-o", "json")

    assert (result.exit_code, result.stdout) == (2, "")
    assert reason in result.stderr
    assert "refused: " in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "problem"),
    [
        (("model", "--records", "nowhere.csv"), 1, "nowhere.csv cannot be read"),
        (("model", "--golden", "nowhere.json"), 1, "nowhere.json cannot be read"),
        (("model", "--option", "colour"), 2, "write NAME=VALUE"),
        (("https://h/m", "--networks", "nonsense"), 2, "nonsense"),
        (("https://h/m", "--origins", "nonsense"), 2, "not an origin"),
        ((), 2, "Missing argument"),
    ],
)
def test_a_question_that_cannot_be_meant_is_said_in_one_line(
    folder: Folder, arguments: tuple[str, ...], code: int, problem: str
) -> None:
    result = folder.check(*arguments)

    assert (result.exit_code, problem in result.stderr) == (code, True)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "line 1: the header names a column twice, or not at all"),
        ("a,a\n1,2\n", "line 1: the header names a column twice"),
        ('a,b\n1,"2\n', "line 2"),
        ("alcohol\n\xff\n".encode("latin-1"), "is not a text in UTF-8"),
    ],
)
def test_records_that_are_no_table_are_refused_with_the_line(
    folder: Folder, content: str | bytes, problem: str
) -> None:
    result = folder.check("model", "--records", folder.write("bad.csv", content), "-o", "json")

    assert (result.exit_code, problem in result.stderr) == (1, True)
    assert "bad.csv" in result.stderr


def test_a_golden_file_that_is_wrong_is_refused_with_its_line(folder: Folder) -> None:
    result = folder.check("model", "--golden", folder.write("golden.yaml", "- inputs: {a: 1}\n"))

    assert (result.exit_code, "golden.yaml:1" in result.stderr) == (1, True)


def test_a_text_in_records_cannot_change_how_the_terminal_shows_it(folder: Folder) -> None:
    records = folder.write("evil.csv", "alcohol,fixed_acidity\n\x1b[2J[red],7\n")

    result = folder.check("model", "--records", records)

    assert "\x1b[2J" not in result.stdout
    assert "[red]" in result.stdout
