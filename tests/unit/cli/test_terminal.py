import json

import pytest
import typer
import yaml
from rendezvous_cli.errors import CliError, UsageError
from rendezvous_cli.terminal import Output, errors_explained, show_record, show_rows
from rendezvous_client.errors import TimedOutError, UnreachableError
from rendezvous_contracts.errors import BadPolicyError

ROWS: list[dict[str, object]] = [
    {"name": "a", "rules": ["x", "y"], "hidden": 1},
    {"name": "[red]b\x1b", "rules": []},
]


def test_data_goes_to_stdout_in_the_form_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows(ROWS, ("name", "rules"), Output.JSON, empty="")
    assert json.loads(capsys.readouterr().out) == ROWS

    show_rows(ROWS, ("name", "rules"), Output.YAML, empty="")
    assert yaml.safe_load(capsys.readouterr().out) == ROWS

    show_rows(ROWS, ("name", "rules"), Output.TABLE, empty="")
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["name", "rules"], ["a", "x;", "y"], ["[red]b?"]]


def test_no_rows_are_a_note_and_not_data(capsys: pytest.CaptureFixture[str]) -> None:
    show_rows([], ("name",), Output.TABLE, empty="there are none")

    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "there are none\n")


def test_a_record_has_a_line_for_each_member(capsys: pytest.CaptureFixture[str]) -> None:
    show_record({"source": "model", "outputs": {"quality": 5.6}}, Output.TABLE)

    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["source", "model"], ["outputs", "quality:", "5.6"]]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CliError("a\nb"), 1),
        (UnreachableError("a b"), 1),
        (BadPolicyError("a b"), 1),
        (UsageError("a b"), 2),
        (TimedOutError("a b"), 3),
    ],
)
def test_an_error_is_one_line_and_the_code_of_its_kind(
    error: Exception, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(typer.Exit) as exit_, errors_explained():
        raise error

    assert exit_.value.exit_code == code
    assert capsys.readouterr().err == "error: a b\n"


def test_what_is_not_foreseen_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), errors_explained():
        raise ZeroDivisionError
