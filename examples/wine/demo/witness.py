"""When the machine stood still, by a process that does nothing but wait."""

import json
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from examples.wine.demo.evidence import Standstill

_PROGRAM: Final = Path(__file__).with_name("witness_process.py")
_TO_END_S: Final = 10.0


class Witness:
    """
    Runs that process until the block ends; *standstills* is there afterwards.

    A virtual machine has its processors taken away at times, for tens of milliseconds. While a process that
    only waits wakes up late, nothing here can be in time.
    """

    def __init__(self) -> None:
        self.standstills: list[Standstill] = []

    def __enter__(self) -> Self:
        argv = [sys.executable, "-I", "-S", str(_PROGRAM)]
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, this file
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        if self._process.stdout is not None:
            self._process.stdout.readline()  # it watches
        return self

    @property
    def pid(self) -> int:
        """The process that waits."""
        return self._process.pid

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            told, _ = self._process.communicate(timeout=_TO_END_S)  # the end of its input is its end
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            return
        self.standstills = [Standstill(*each) for each in json.loads(told or b"[]")]
