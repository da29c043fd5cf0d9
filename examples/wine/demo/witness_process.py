"""
A process that does nothing but wait: each processor has a thread that sleeps, and notes how late it wakes up.

It writes a line once it watches, ends with its input, and then writes what it noted: pairs of microseconds
since the epoch, as JSON.
"""

import json
import os
import sys
import threading
import time
from contextlib import suppress
from typing import Final

_NAP_S: Final = 0.004
# So long any thread may wait that shares its processor with another.
_NOTED_S: Final = 0.004


def main() -> None:
    """Note what is late until the input ends, and write it."""
    end = threading.Event()
    found: list[tuple[int, int]] = []
    processors = range(os.cpu_count() or 1)
    waiting = [threading.Thread(target=_wait, args=(processor, end, found)) for processor in processors]
    for thread in waiting:
        thread.start()
    print("watching", flush=True)
    with suppress(KeyboardInterrupt):
        sys.stdin.read()
    end.set()
    for thread in waiting:
        thread.join()
    json.dump(sorted(found), sys.stdout)


def _wait(processor: int, end: threading.Event, found: list[tuple[int, int]]) -> None:
    with suppress(AttributeError, OSError):  # where a thread cannot be told its processor
        os.sched_setaffinity(0, {processor})
    while not end.is_set():
        began = time.monotonic()
        time.sleep(_NAP_S)
        late_s = time.monotonic() - began - _NAP_S
        if late_s > _NOTED_S:
            now_us = time.time_ns() // 1_000
            found.append((now_us - round(late_s * 1e6), now_us))


if __name__ == "__main__":
    main()
