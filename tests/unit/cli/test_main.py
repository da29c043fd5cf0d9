from pathlib import Path

import pytest
from rendezvous_cli.main import app
from typer.testing import CliRunner, Result

NOWHERE = ("--bootstrap-servers", "127.0.0.1:1")


def run(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin)


def test_the_version_is_told() -> None:
    result = run("--version")

    assert (result.exit_code, result.stdout) == (0, "rendezvous 0.1.0\n")


def test_a_command_without_what_it_needs_is_a_usage_error() -> None:
    assert run("apply").exit_code == 2
    assert run("send").exit_code == 2
    assert run("get", "everything").exit_code == 2


def test_a_broker_that_is_not_there_is_said_in_one_line() -> None:
    result = run("get", "models", *NOWHERE)

    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == "error: no broker answers at 127.0.0.1:1: start it, or name another\n"


def test_a_gateway_that_is_not_there_is_said_in_one_line() -> None:
    result = run("send", "wine", "--gateway", "http://127.0.0.1:1")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: no gateway answers at http://127.0.0.1:1")
    assert result.stderr.count("\n") == 1


def test_what_is_no_address_is_refused() -> None:
    result = run("send", "wine", "--gateway", "ftp://there")

    assert (result.exit_code, "no address of a gateway" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("route: wine\nsla: 50\n", "wine.yaml:2: sla: a duration needs a unit"),
        ("", "there is no document in it"),
        ("\xff", "is not a text in UTF-8"),
    ],
)
def test_a_file_that_is_wrong_is_refused_before_the_broker_is_asked(
    text: str, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "wine.yaml"
    path.write_bytes(text.encode("latin-1"))

    result = run("apply", "-f", str(path), *NOWHERE)

    assert result.exit_code == 1
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_file_that_is_not_there_is_named() -> None:
    result = run("apply", "-f", "nowhere.yaml", *NOWHERE)

    assert (result.exit_code, result.stderr) == (
        1,
        "error: nowhere.yaml cannot be read: No such file or directory\n",
    )


def test_fields_and_a_file_are_not_asked_at_once() -> None:
    result = run("send", "wine", "--field", "a=1", "--file", "-", *NOWHERE)

    assert (result.exit_code, "leave out --field" in result.stderr) == (2, True)
