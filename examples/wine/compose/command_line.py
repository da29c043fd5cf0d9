"""The command line, as people call it."""

import subprocess
import sys
from pathlib import Path
from typing import Final

_RENDEZVOUS: Final = str(Path(sys.executable).with_name("rendezvous"))


def start(*arguments: str, stdin: str = "") -> subprocess.Popen[str]:
    """Start `rendezvous` with *arguments*; what it says goes where this process's own words go."""
    process = subprocess.Popen([_RENDEZVOUS, *arguments], stdin=subprocess.PIPE, text=True)  # noqa: S603  # ours
    if process.stdin is not None:
        process.stdin.write(stdin)
        process.stdin.close()
    return process
