"""The command line: every command in one application."""

from collections.abc import Mapping
from typing import Annotated, Final

import typer

from rendezvous_cli.lazy import lazy_group

# Which module has which commands; its `register` adds them. In the order of the help.
_MODULES: Final = {
    "apply": ("apply",),
    "diff": ("diff",),
    "changing": (
        *("rollout", "promote", "abort", "undo", "ramp", "pause", "resume"),
        *("approve", "remove", "scale", "undeploy"),
    ),
    "status": ("status",),
    "get": ("get",),
    "describe": ("describe",),
    "history": ("history", "audit"),
    "watch": ("watch",),
    "explain": ("explain",),
    "doctor": ("doctor",),
    "schema": ("schema",),
    "model_check": ("model",),
    "send": ("send",),
    "bridge": ("bridge",),
    "building": ("promote-build",),
    "stack": ("up", "down"),
    "topics": ("topics",),
}
COMMANDS: Final[Mapping[str, str]] = {
    name: f"rendezvous_cli.{module}" for module, names in _MODULES.items() for name in names
}

app = typer.Typer(cls=lazy_group(COMMANDS), no_args_is_help=True, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 it takes as long as all the rest of this

        typer.echo(f"rendezvous {version('rendezvous-cli')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Serve models on a stream: several score every request, one answers before its deadline."""
    del show_version
