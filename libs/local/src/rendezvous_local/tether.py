"""
Run a program that dies with the process that started it: `python tether.py PARENT_PID PROGRAM [ARG ...]`.

It replaces itself with the program, so that the pid stays. Only Linux has the means; elsewhere the program
runs untethered. Uses the standard library alone, for it is run as a file, isolated from every environment.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tethered(argv: Sequence[str]) -> list[str]:
    """
    Return the command that runs *argv* so that it is killed when this process ends, however it ends.

    The kernel ties it to the starting THREAD: start it from one that lives as long as the program should.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), *argv]


def main(parent: int, argv: list[str]) -> None:
    """Tie this process to *parent* and become *argv*; raises SystemExit when that cannot be."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above could take effect
            raise SystemExit(1)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - to become the program is the purpose
    except OSError as error:
        raise SystemExit(f"{argv[0]}: {error.strerror}") from None


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
