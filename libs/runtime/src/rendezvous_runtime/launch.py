"""
Runs a service as the first process of a container: python -m rendezvous_runtime.launch MODULE.

The kernel keeps every signal from a container's first process that it has no handler for. A service has one
as soon as it runs; but first it imports, for seconds where TensorFlow is, and a stop would go unheard and
end as a kill. Here it ends at once, with 0: nothing was begun.
"""

import os
import runpy
import signal
import sys
from types import FrameType
from typing import Final

_USAGE: Final = 2


def main(arguments: list[str]) -> int:
    """Run the module that *arguments* name, as if it were the program."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m rendezvous_runtime.launch MODULE\n")
        return _USAGE
    signal.signal(signal.SIGTERM, _leave)
    del sys.argv[1:]
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)
    return 0


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
