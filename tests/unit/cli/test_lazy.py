"""A command loads what it needs, and nothing of the others."""

import subprocess
import sys
from importlib import import_module

import pytest
import rendezvous_client
from rendezvous_cli.lazy import LazyCommands, registered
from rendezvous_cli.main import COMMANDS, app
from typer.testing import CliRunner

# Each takes a tenth of a second and more to load. (Pydantic too, and Typer cannot do without.)
_HEAVY = ("cryptography", "faust", "httpx", "jpype", "numpy", "pydantic_settings", "rendezvous_local")


@pytest.mark.parametrize("module", sorted(set(COMMANDS.values())))
def test_a_modules_commands_are_those_that_it_is_asked_for(module: str) -> None:
    assert set(registered(module)) == {name for name, home in COMMANDS.items() if home == module}


def test_a_command_is_loaded_when_it_is_looked_up() -> None:
    commands = LazyCommands({"schema": "rendezvous_cli.schema", "nothing": "rendezvous_cli.no_such_module"})

    assert (list(commands), len(commands)) == (["schema", "nothing"], 2)
    assert commands["schema"].name == "schema"
    with pytest.raises(ModuleNotFoundError):
        commands["nothing"]
    commands["nothing"] = commands["schema"]
    del commands["schema"]
    assert list(commands) == ["nothing"]


def test_the_help_has_every_command_and_a_wrong_one_gets_a_guess() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout

    assert [name for name in COMMANDS if f" {name} " not in shown] == []
    assert "Did you mean 'get'" in CliRunner().invoke(app, ["gett"]).stderr


def test_reading_the_control_log_loads_nothing_heavy() -> None:
    # The broker is not there, which is met when all is loaded.
    script = (
        "import sys\n"
        "from rendezvous_cli.main import app\n"
        "try:\n    app(['get', 'models', '-b', '127.0.0.1:1'])\n"
        "except SystemExit as end:\n    assert end.code == 1\n"
        f"print([name for name in {_HEAVY} if name in sys.modules])\n"
    )

    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_what_the_client_names_is_there_and_nothing_else() -> None:
    for name in rendezvous_client.__all__:
        home = getattr(rendezvous_client, name).__module__
        assert getattr(import_module(home), name) is getattr(rendezvous_client, name)
    assert set(rendezvous_client.__all__) <= set(dir(rendezvous_client))
    with pytest.raises(AttributeError, match="nothing_like_it"):
        rendezvous_client.nothing_like_it  # noqa: B018 looking it up is the test
