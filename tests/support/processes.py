"""What a test leaves behind: threads and child processes that outlive it."""

import threading
from typing import NamedTuple

import psutil


class Alive(NamedTuple):
    """The threads and child processes of this process at one moment."""

    threads: frozenset[threading.Thread]
    processes: frozenset[psutil.Process]


def alive() -> Alive:
    """Return what lives now; not counted are threads that C libraries own, and processes already dead."""
    # A dummy stands for a thread that Python did not start, and stays listed after that thread has ended.
    threads = (thread for thread in threading.enumerate() if not isinstance(thread, threading._DummyThread))
    return Alive(frozenset(threads), frozenset(filter(_lives, psutil.Process().children(recursive=True))))


def left_over(before: Alive) -> list[str]:
    """Return, described, what lives now and did not *before*."""
    now = alive()
    threads = [f"thread {thread.name}" for thread in now.threads - before.threads]
    return threads + [f"process {_describe(process)}" for process in now.processes - before.processes]


def kill_left_over(before: Alive) -> None:
    """End the child processes that did not live *before*, so that no other test suffers from them."""
    for process in alive().processes - before.processes:
        process.kill()


def is_running(pid: int) -> bool:
    """Return whether a process of this id runs: a dead one that nobody has waited for does not."""
    try:
        return _lives(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _describe(process: psutil.Process) -> str:
    try:
        return f"{process.pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.NoSuchProcess:
        return f"{process.pid}: just ended"
