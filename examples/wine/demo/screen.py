"""What is shown while the demo runs: a bar on a terminal, plain lines elsewhere."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Final, Self

from google.protobuf.message import DecodeError
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_contracts.topics import ANSWERS
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from scoring.v1.answer_pb2 import Answer

_EVERY_S: Final = 0.2
_PLAIN_EVERY_S: Final = 5.0


class Screen:
    """Says what happens on *console*."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def say(self, text: str) -> None:
        """Show a line."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Show that *text* is being done, and how long it took."""
        start = time.monotonic()
        with self.console.status(text):
            yield
        self.say(f"{text}: {time.monotonic() - start:.1f} s")


class AnswerWatch:
    """
    Shows answers of *route* as they come, until it is left; a context manager with a thread.

    It is for the eye only: what counts is read again afterwards.
    """

    def __init__(self, screen: Screen, kafka: Kafka, route: str, total: int) -> None:
        self._screen = screen
        self._reader = TopicReader(kafka, ANSWERS, at_end=True)
        self._route = route
        self._total = total
        self._models: Counter[str] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="answer-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        with self._reader:
            if self._screen.console.is_terminal:
                self._show_bar()
            else:
                self._show_lines()

    def _show_bar(self) -> None:
        columns = (
            TextColumn("answered"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            TextColumn("{task.description}"),
        )  # fmt: skip
        with Progress(*columns, console=self._screen.console, transient=True) as progress:
            task = progress.add_task("", total=self._total)
            while not self._stop.is_set():
                self._read()
                progress.update(task, completed=self._models.total(), description=self._described())

    def _show_lines(self) -> None:
        due = time.monotonic() + _PLAIN_EVERY_S
        while not self._stop.is_set():
            self._read()
            if time.monotonic() >= due:
                due += _PLAIN_EVERY_S
                self._screen.say(f"answered {self._models.total()} of {self._total}: {self._described()}")

    def _read(self) -> None:
        for record in self._reader.read(_EVERY_S):
            try:
                answer = Answer.FromString(record.value() or b"")
            except DecodeError:
                continue  # the count afterwards says so
            if answer.route == self._route:
                self._models[answer.model or "default"] += 1

    def _described(self) -> str:
        return ", ".join(f"{model} {count}" for model, count in sorted(self._models.items()))
