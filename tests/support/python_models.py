"""A distribution with models, as a wheel leaves it when it is installed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

VERSION: Final = "1.2.0"


def install(folder: Path, module: str, code: str, entry_points: Mapping[str, str]) -> None:
    """Put the *module* with *code* into *folder*, and register *entry_points* of the group of models."""
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{module}-{VERSION}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: {VERSION}\n")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (info / "entry_points.txt").write_text("\n".join(["[rendezvous.models]", *lines, ""]))
