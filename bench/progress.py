"""What is shown while it runs."""

from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.report import number


class Screen:
    """
    A bar of steps and a line for each that is done; a context manager.

    It draws only between two measurements: a thread that draws would be measured with them.
    """

    def __init__(self, console: Console) -> None:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        self._progress = Progress(*columns, console=console, auto_refresh=False)
        self._task = self._progress.add_task("", total=0)
        self._begun = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def expect(self, steps: int) -> None:
        """Note that so many more steps are to come."""
        total = self._progress.tasks[0].total or 0
        self._progress.update(self._task, total=total + steps)

    def step(self, what: str) -> None:
        """Begin the next step; the one before it is done."""
        self._progress.update(self._task, description=what, completed=self._begun, refresh=True)
        self._begun += 1

    def say(self, name: str, figures: Mapping[str, float]) -> None:
        """Tell what a run of the case *name* has measured."""
        told = ", ".join(f"{figure} {number(value)}" for figure, value in figures.items())
        self._progress.console.print(f"{name}: {told}", highlight=False)
