"""
What all remote models share: budgets, the circuit, the probe, and that nothing is raised for a row.

The data thread waits for the server while it predicts, at most for what is left of the rows' budget less a
reserve, and never longer than the document's timeout. A process that holds models of several servers asks
one after the other: give a server that may be slow a container of its own.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import structlog
from scoring.v1.control_pb2 import Model

from rendezvous_models.contract import Failure, Metadata, ModelRuntime, Outputs, Row, RuntimeOptions
from rendezvous_models.errors import BadModelError, ModelError
from rendezvous_models.runtimes.remote_circuit import Circuit
from rendezvous_models.runtimes.remote_document import RemoteDocument

# What is left when the answer comes still has to last for the way of the score to the rendezvous.
_RESERVE: Final = 0.1
_RESERVE_S: Final = 0.002
_LEAST_S: Final = 0.0005
# How much of the average of what calls take is the last one.
_NEW: Final = 0.2
_LONGEST_REASON: Final = 300
_LONGEST_PROBE_S: Final = 2.0
_CONNECT_S: Final = 5.0

_log = structlog.get_logger(__name__)


class CallError(Exception):
    """
    A call brought no answer to use; str() says why.

    *blames*: it speaks against the server, and not only against what was asked. *reached*: a connection there
    was, so something may have been sent.
    """

    def __init__(self, reason: str, *, blames: bool, reached: bool = True) -> None:
        super().__init__(" ".join(reason.split())[:_LONGEST_REASON])
        self.blames = blames
        self.reached = reached


class NotReadyError(ModelError):
    """The server does not serve the model now; a later attempt may find that it does."""

    passing = True


class Call(NamedTuple):
    """One request, encoded; *places* are those of its rows in the batch."""

    places: Sequence[int]
    request: Any


class RemoteModel(ABC):
    """One model on one server: how to ask it. Methods that take *timeout_s* end by then, whatever happens."""

    @abstractmethod
    def connect(self, timeout_s: float) -> None:
        """
        Reach the server, see that it serves the model, and read what it declares of it.

        Each step of it may take *timeout_s*. Raises CallError, or ModelError for what does not fit.
        """

    @abstractmethod
    def calls(self, rows: Sequence[Row], answers: list[Outputs | Failure | None]) -> Sequence[Call]:
        """Return what to ask for *rows*; a row that fits nowhere gets its failure into *answers*."""

    @abstractmethod
    def ask(self, call: Call, timeout_s: float) -> list[Outputs | Failure]:
        """Return what the server says to *call*, for each of its rows; raises CallError."""

    @abstractmethod
    def serving(self, timeout_s: float) -> bool:
        """Return whether the server says that it serves the model; raises CallError if it says nothing."""

    @abstractmethod
    def metadata(self) -> Metadata:
        """Return the fields of rows and outputs."""

    @abstractmethod
    def refresh(self) -> None:
        """Read again what may have changed in this process, like secrets."""

    @abstractmethod
    def close(self) -> None:
        """Close its connections."""


class RemoteRuntime(ModelRuntime):
    """A model that another server runs; subclasses say how it is read from its document and asked."""

    def __init__(self, descriptor: Model, options: RuntimeOptions) -> None:
        super().__init__(descriptor, options)
        self._model: RemoteModel | None = None
        self._circuit = Circuit()
        self._serving = False
        self._timeout_s = 0.0
        self._ending = threading.Event()
        self._probe = threading.Thread(target=self._watch, name="remote-model-probe", daemon=True)
        self._probe_s = 0.0
        self._usual_s = 0.0
        self._last_heard = "ready"

    @abstractmethod
    def open(self, data: bytes) -> tuple[RemoteDocument, RemoteModel]:
        """Return the document that *data* is and the model that it names; raises ModelError."""

    def load(self, artifact: Path) -> None:
        """Read the document at *artifact* and reach its server; raises ModelError."""
        document, model = self.open(artifact.read_bytes())
        try:
            model.connect(_CONNECT_S)
        except CallError as error:
            model.close()
            raise NotReadyError(f"{document.url}: {error}") from error
        except BaseException:
            model.close()
            raise
        self._timeout_s = document.timeout_ms / 1_000
        self._probe_s = document.probe_ms / 1_000
        self._model, self._serving = model, True
        self._probe.start()

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Ask for *rows* within the document's timeout."""
        return self._predict(rows, time.monotonic() + self._timeout_s)

    def predict_within(self, rows: Sequence[Row], budget_us: int) -> list[Outputs | Failure]:
        """Ask for *rows* within *budget_us* less a reserve, and within the document's timeout."""
        budget_s = budget_us / 1e6
        left_s = budget_s - min(budget_s / 2, budget_s * _RESERVE + _RESERVE_S)
        return self._predict(rows, time.monotonic() + min(left_s, self._timeout_s))

    def _predict(self, rows: Sequence[Row], deadline: float) -> list[Outputs | Failure]:
        answers: list[Outputs | Failure | None] = [None] * len(rows)
        if self._model is None:
            return [Failure("the model is not loaded")] * len(rows)
        try:
            for call in self._model.calls(rows, answers):
                told = self._ask(self._model, call, deadline)
                for place, answer in zip(call.places, told, strict=True):
                    answers[place] = answer
        except Exception as error:  # noqa: BLE001 - whatever came from outside costs these rows only
            reason = f"the server's answer cannot be used: {type(error).__name__}: {error}"[:_LONGEST_REASON]
            return [Failure(reason) if answer is None else answer for answer in answers]
        return [Failure("nothing came for this row") if answer is None else answer for answer in answers]

    def _ask(self, model: RemoteModel, call: Call, deadline: float) -> Sequence[Outputs | Failure]:
        started = time.monotonic()
        left_s = deadline - started
        if left_s < _LEAST_S:
            return [Failure("no time was left to ask the server")] * len(call.places)
        if not self._circuit.allows(_us(started)):
            wait_s = self._circuit.wait_us(_us(started)) / 1e6
            reason = f"the server is left alone for {wait_s:.1f} s more: {self._circuit.reason}"
            return [Failure(reason)] * len(call.places)
        try:
            told = model.ask(call, left_s)
        except CallError as error:
            now = _us(time.monotonic())
            if error.blames:
                hasty = left_s < self._usual_s
                self._circuit.failed(now, str(error), reached=error.reached, hasty=hasty)
            elif error.reached:
                self._circuit.succeeded()
            return [Failure(str(error))] * len(call.places)
        self._circuit.succeeded()
        self._usual_s += _NEW * (time.monotonic() - started - self._usual_s)
        return told

    def _watch(self) -> None:
        """Ask every now and then whether the server serves the model, in a thread of its own."""
        model = self._model
        while model is not None and not self._ending.wait(self._probe_s):
            try:
                model.refresh()
                self._serving = model.serving(min(_LONGEST_PROBE_S, max(self._timeout_s, 0.1)))
                self._circuit.probed(_us(time.monotonic()))
                self._heard("ready" if self._serving else "the server says that the model is not ready")
            except (CallError, ModelError) as error:
                self._heard(str(error))
            except Exception:  # noqa: BLE001 - the probe goes on
                _log.exception("a probe failed", model=self.descriptor.name)

    def _heard(self, what: str) -> None:
        """Log *what* the probe heard, if that is new."""
        if what != self._last_heard:
            self._last_heard = what
            _log.info("what the server of a remote model says", model=self.descriptor.name, probe=what)

    def unload(self) -> None:
        """Close the connections; what the server holds stays there, for others may ask it."""
        self._ending.set()
        if self._probe.is_alive():
            self._probe.join()
        model, self._model = self._model, None
        if model is not None:
            model.close()

    def metadata(self) -> Metadata:
        """Return the fields of rows and outputs."""
        if self._model is None:
            raise BadModelError("the model is not loaded")
        return self._model.metadata()

    @property
    def ready(self) -> bool:
        """
        Whether the server, when it was last heard, said that it serves the model.

        One that is not heard of at all fails with the reason, by the circuit.
        """
        return self._model is not None and self._serving


def _us(seconds: float) -> int:
    return int(seconds * 1e6)
