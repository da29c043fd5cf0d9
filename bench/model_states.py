"""Where a model stands in a container, as the container says."""

import json
import threading
from http.client import HTTPConnection, HTTPException
from types import TracebackType
from typing import Final, NamedTuple, Self

from bench.errors import BenchError
from bench.processes import Running
from bench.stand import web_door

_PER_S: Final = 10
_TIMEOUT_S: Final = 30.0


class _Said(NamedTuple):
    """What was said of one model; *state* is empty where it is not known."""

    model: str
    state: str = ""
    reason: str = ""


class ModelStates:
    """
    Asks the container *process* ten times a second for one model (name@version); a context manager.

    It asks all the time, whether that model comes, goes or rests: so asking hits all turns alike.
    """

    def __init__(self, process: Running, model: str) -> None:
        self._process = process
        self._connection = HTTPConnection(web_door(process.spec), timeout=_TIMEOUT_S)
        self._model = model
        self._said = _Said(model)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="model-states")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def turn_to(self, model: str) -> None:
        """Ask for *model* from here on."""
        self._model = model

    def is_loaded(self) -> bool:
        """Return whether the model can score; raises BenchError if it never will."""
        self._process.check()
        said = self._now()
        if said.state == "MODEL_STATE_FAILED":
            raise BenchError(f"{said.model} was not loaded: {said.reason}")
        return said.state == "MODEL_STATE_READY"

    def is_gone(self) -> bool:
        """Return whether nothing is left of the model, which was loaded."""
        return self._now().state == "MODEL_STATE_UNSPECIFIED"

    def _now(self) -> _Said:
        """Return what was said last of the model that is asked for now, not of the one before."""
        said = self._said
        return said if said.model == self._model else _Said(self._model)

    def _ask(self) -> None:
        while not self._stop.wait(1 / _PER_S):
            try:
                self._said = self._answer(self._model)
            except (OSError, HTTPException):  # not there yet, or ended, as who waits for the model will see
                self._connection.close()

    def _answer(self, model: str) -> _Said:
        self._connection.request("GET", f"/state/models/{model.replace('@', '/')}")
        response = self._connection.getresponse()
        body = json.loads(response.read())
        here = body["here"] if response.status == 200 else []  # the container has not heard of it
        return _Said(model, here[0]["state"], here[0]["reason"]) if here else _Said(model)
