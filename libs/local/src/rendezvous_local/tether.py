"""
Run a program that dies with the process that started it.

`python tether.py PARENT_PID NICENESS PROGRAM [ARG ...]`

It replaces itself with the program, so that the pid stays. Only Linux has the means; elsewhere the program
runs untethered. Uses the standard library alone, for it is run as a file, isolated from every environment.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def tethered(argv: Sequence[str], niceness: int = 0) -> list[str]:
    """
    Return the command that runs *argv* so that it is killed when this process ends, however it ends.

    *niceness* is added to this process's: with more of it, a program gets its processor later than others.

    The kernel ties it to the starting THREAD: start it from one that lives as long as the program should.
    """
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(niceness), *argv]


def main(parent: int, niceness: int, argv: list[str]) -> None:
    """Tie this process to *parent* and become *argv*; raises SystemExit when that cannot be."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the line above could take effect
            raise SystemExit(1)
    os.nice(niceness)
    try:
        os.execvp(argv[0], argv)  # noqa: S606 - to become the program is the purpose
    except OSError as error:
        raise SystemExit(f"{argv[0]}: {error.strerror}") from None


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
