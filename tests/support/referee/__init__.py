"""
JPMML-Evaluator as a referee: what another evaluator makes of the same document and rows.

It is AGPL and for tests only: its jars come from Maven Central, once, to the same cache as the broker's, and
it runs as a process of its own.
"""

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self

from rendezvous_local.jars import find_java, resolved_jars

_HERE: Final = Path(__file__).parent
_OPTIONS: Final = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

Row = Mapping[str, Any]


class RefereeError(Exception):
    """The referee refuses a document."""


class Referee:
    """The referee's process; use it as a context."""

    def __init__(self) -> None:
        jars = resolved_jars(_HERE / "pom.xml", "pmml-referee")
        argv = [find_java(), *_OPTIONS, "-cp", f"{jars}/*", str(_HERE / "Referee.java")]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=30)

    def score(self, document: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
        """Return {"outputs": {…}} or {"error": text} for each row; raises RefereeError."""
        return self.ask(document, rows)()

    def ask(self, document: str, rows: Sequence[Row]) -> Callable[[], list[dict[str, Any]]]:
        """Have it judge *rows* beside what its asker does meanwhile; return what score does, to be called."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"document": document, "rows": rows}) + "\n")
        self._process.stdin.flush()
        return self._told

    def _told(self) -> list[dict[str, Any]]:
        assert self._process.stdout
        reply = json.loads(self._process.stdout.readline())
        if "error" in reply:
            raise RefereeError(reply["error"])
        scored: list[dict[str, Any]] = reply["rows"]
        return scored
