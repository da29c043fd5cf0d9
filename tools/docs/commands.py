"""The command line, of the commands themselves."""

from collections.abc import Iterator
from typing import Any

import typer
from rendezvous_cli.main import app

from tools.docs.tables import code, page, table

# Any: Typer's commands, parameters and contexts are those of a copy of click that it does not name in public.


def commands_page() -> str:
    """Return the page."""
    root = typer.main.get_command(app)
    return page("Command line", "the commands", _group(root, typer.Context(root, info_name="rendezvous")))


def _group(group: Any, context: Any) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield from _command(command, typer.Context(command, info_name=name, parent=context))


def _command(command: Any, context: Any) -> Iterator[str]:
    yield from (f"## {context.command_path}", "", _prose(command.help or ""), "")
    if hasattr(command, "list_commands"):
        yield from _group(command, context)
        return
    usage = " ".join(command.collect_usage_pieces(context))
    yield from ("```", f"{context.command_path} {usage}", "```")
    rows = [_row(each, context) for each in command.params if not getattr(each, "hidden", False)]
    yield from table(("", "Value", "Default", "Meaning"), rows)


def _prose(text: str) -> str:
    return " ".join(text.replace("\b", " ").split())


def _row(parameter: Any, context: typer.Context) -> tuple[str, str, str, str]:
    is_argument = parameter.param_type_name == "argument"
    value = parameter.metavar or parameter.make_metavar(context)
    names = [value] if is_argument else [*parameter.opts, *parameter.secondary_opts]
    shown = parameter.show_default
    default = f"({shown})" if isinstance(shown, str) else parameter.default
    told = parameter.help or ""
    if isinstance(parameter.envvar, str):
        told += f" Environment: {code(parameter.envvar)}."
    return (
        ", ".join(map(code, names)),
        "" if is_argument else code(value),
        "required" if parameter.required else _default(default),
        told,
    )


def _default(value: object) -> str:
    if value is None or callable(value) or value in ((), [], "", False):
        return ""
    return code(str(value).lower() if value is True else value)
