"""Whether the engine is measured as machine code, as images carry it, or as it is interpreted."""

import os
from pathlib import Path
from typing import Final

from tools.compile_services import ROOT, is_fresh

_FOLDER: Final = ROOT / "build" / "compiled"
_PATH: Final = "PYTHONPATH"
# What a process is told that is to run the interpreted engine whatever there is.
INTERPRETED: Final = {_PATH: ""}


def is_compiled(folder: Path = _FOLDER) -> bool:
    """Return whether there is machine code of the sources as they are."""
    return is_fresh(folder)


def use_compiled() -> None:
    """Have every process started from here on run the machine code, where there is any."""
    if is_compiled():
        os.environ[_PATH] = str(_FOLDER)
