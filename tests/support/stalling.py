"""Models that stall, die and slow down at random, and what the machine itself held up meanwhile."""

import os
import signal
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple, Self

from rendezvous_local.stack import LocalStack


class Stalls:
    """
    Disturbs *processes* of *stack*, from a thread of its own, until the block ends.

    Each is stopped for 50 to 500 ms at random moments. *slow* of them is also given a part of the processor
    only, as a quota does: it runs 20 of each 70 ms. *kills* counts what was killed, every *kill_every_s*.
    """

    def __init__(
        self, stack: LocalStack, processes: Iterable[str], *, slow: str, kill_every_s: float, seed: int = 1
    ) -> None:
        self.stalls = 0
        self.kills = 0
        self.problem: Exception | None = None
        self._stack = stack
        self._processes = sorted(processes)
        self._slow = slow
        self._kill_every_s = kill_every_s
        self._random = Random(seed)  # noqa: S311 - explores, protects nothing
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stalls")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        assert self.problem is None, self.problem

    def _run(self) -> None:
        kill_at = time.monotonic() + self._kill_every_s
        try:
            while not self._end.is_set():
                name = self._random.choice([*self._processes, self._slow])
                if time.monotonic() > kill_at:
                    kill_at += self._kill_every_s
                    self._stack.kill(name)
                    self.kills += 1
                elif name == self._slow:
                    for _ in range(self._random.randrange(10, 30)):
                        self._stall(name, 0.05)
                        self._end.wait(0.02)
                else:
                    self._stall(name, self._random.uniform(0.05, 0.5))
                    self._end.wait(self._random.uniform(0.0, 0.3))
        except Exception as error:  # noqa: BLE001 - the test shows it; a thread would lose it
            self.problem = error

    def _stall(self, name: str, duration_s: float) -> None:
        pid = next(each.pid for each in self._stack.status() if each.name == name)
        if pid is None:  # it was killed and is not back
            self._end.wait(duration_s)
            return
        # It may die at any moment, but its id is not used again so soon.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
            try:
                self._end.wait(duration_s)
            finally:
                os.kill(pid, signal.SIGCONT)
        self.stalls += 1


class Waited(NamedTuple):
    """
    Between two moments (microseconds since the epoch): what a request may have waited for a processor.

    By process, its longest waiting thread, summed; and what other machines on the same host took of the
    processor that they took most of, which no thread is seen to wait for.
    """

    start_us: int
    end_us: int
    waited_us: int


class RunQueue:
    """Notes how long threads of some processes could have run and did not: the machine's part of lateness."""

    def __init__(self, pids: Iterable[int | None], every_s: float = 0.02) -> None:
        self.waited: list[Waited] = []
        self._pids = [pid for pid in pids if pid is not None]
        self._every_s = every_s
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="run queue")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def between(self, start_us: int, end_us: int) -> int:
        """Return the waiting, in microseconds, of the samples that touch the time between."""
        return sum(
            each.waited_us for each in self.waited if each.end_us > start_us and each.start_us < end_us
        )

    def _run(self) -> None:
        before, start_us = self._delays(), time.time_ns() // 1_000
        while not self._end.wait(self._every_s):
            now, end_us = self._delays(), time.time_ns() // 1_000
            self.waited.append(Waited(start_us, end_us, sum(map(_most, before, now))))
            before, start_us = now, end_us

    def _delays(self) -> list[dict[str, int]]:
        return [_stolen_us(), *map(_delays_us, self._pids)]


def _most(before: Mapping[str, int], now: Mapping[str, int]) -> int:
    return max((delay - before.get(thread, delay) for thread, delay in now.items()), default=0)


def _stolen_us() -> dict[str, int]:
    """How long each processor has been another machine's so far: "steal" of proc_stat(5)."""
    found = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name.startswith("cpu") and name != "cpu":
            found[name] = int(ticks[7]) * 1_000_000 // os.sysconf("SC_CLK_TCK")
    return found


def _delays_us(pid: int) -> dict[str, int]:
    """How long each thread has waited so far; the second figure of schedstat, in nanoseconds."""
    found = {}
    for folder in Path(f"/proc/{pid}/task").glob("*"):
        with suppress(OSError):  # a thread that has just ended
            found[folder.name] = int((folder / "schedstat").read_text().split()[1]) // 1_000
    return found
