"""Commands that are imported when they are asked for: who asks for one does not wait for the others."""

from collections.abc import Iterator, Mapping, MutableMapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click.core import Command

    Commands = MutableMapping[str, Command]
else:
    Commands = MutableMapping


class LazyCommands(Commands):
    """
    The commands of *modules*, by name; a module registers its own with `register` once one is looked up.

    What is set stays, and stands before what a module would register.
    """

    def __init__(self, modules: Mapping[str, str]) -> None:
        self._modules = dict(modules)
        self._loaded: dict[str, Command] = {}

    def __getitem__(self, name: str) -> "Command":
        if name not in self._loaded:
            self._loaded = registered(self._modules[name]) | self._loaded
        return self._loaded[name]

    def __setitem__(self, name: str, command: "Command") -> None:
        self._loaded[name] = command
        self._modules.setdefault(name, "")

    def __delitem__(self, name: str) -> None:
        del self._modules[name]
        self._loaded.pop(name, None)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __len__(self) -> int:
        return len(self._modules)


def registered(module: str) -> "dict[str, Command]":
    """Return the commands that *module* registers, by name."""
    app = typer.Typer(callback=_nothing)  # with a callback it is a group, however few commands it has
    import_module(module).register(app)
    group = get_command(app)
    return dict(group.commands) if isinstance(group, TyperGroup) else {}


def _nothing() -> None:
    pass


def lazy_group(modules: Mapping[str, str]) -> type[TyperGroup]:
    """Return the class of a group with the commands of *modules* (module by name of the command)."""

    class LazyGroup(TyperGroup):
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.commands = LazyCommands(modules)

    return LazyGroup
