"""
Keeps one container of the local back end.

`python -m rendezvous_operator.shim EXIT_FILE GUARDIAN NICENESS PROGRAM [ARG ...]`

It stays between the operator and the container, so that the container outlives the operator, and how it ended
can be read by the next one. It begins when it is told to on its input: an operator that dies before it has
written down whom it started leaves nothing behind. SIGTERM is passed on. A container ends with its shim,
however that ends, and with the process GUARDIAN, unless that is 0.
"""

import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Final

from rendezvous_local.tether import tethered

GO: Final = b"go\n"


def main(exit_file: Path, guardian: int, niceness: int, argv: list[str]) -> None:
    """Run *argv* to its end, and write its exit code to *exit_file*."""
    watched = os.pidfd_open(guardian) if guardian and sys.platform == "linux" else None
    if sys.stdin.buffer.readline() != GO:
        return
    child = subprocess.Popen(tethered(argv, niceness), stdin=subprocess.DEVNULL)  # noqa: S603 - its purpose

    def leave(number: int, _: FrameType | None) -> None:
        child.send_signal(number)

    signal.signal(signal.SIGTERM, leave)
    code = child.wait() if watched is None else _wait(child, watched)
    temporary = exit_file.with_suffix(".tmp")
    temporary.write_text(str(code))
    temporary.replace(exit_file)


def _wait(child: subprocess.Popen[bytes], guardian: int) -> int:
    """Wait for the end of *child*, and kill it if the process that *guardian* refers to ends first."""
    ended = os.pidfd_open(child.pid)
    poll = select.poll()
    poll.register(guardian, select.POLLIN)
    poll.register(ended, select.POLLIN)
    if guardian in {fd for fd, _ in poll.poll()}:
        with suppress(ProcessLookupError):
            child.kill()
    return child.wait()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
