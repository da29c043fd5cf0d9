"""Models behind any server that takes and gives JSON over HTTP: DeepDetect, MXNet's, one's own."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urljoin

from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Field
from scoring.v1.value_pb2 import Tensor

from rendezvous_models.contract import Failure, Metadata, Outputs, Row, RuntimeOptions
from rendezvous_models.runtimes.remote_access import check_host
from rendezvous_models.runtimes.remote_document import JsonDocument, RemoteDocument, read_document
from rendezvous_models.runtimes.remote_http import HttpCaller
from rendezvous_models.runtimes.remote_runtime import (
    Call,
    CallError,
    NotReadyError,
    RemoteModel,
    RemoteRuntime,
)
from rendezvous_models.runtimes.remote_template import MissingFieldError
from rendezvous_models.runtimes.remote_types import DATATYPES, RowError

_OK: Final = 200
_LARGEST_BATCH: Final = 10_000
_NUMBER: Final = DATATYPES["FP64"]
_INTEGER: Final = DATATYPES["INT64"]


class JsonHttpRuntime(RemoteRuntime):
    """A model of a server that is told by its document what to send and where the outputs are."""

    def open(self, data: bytes) -> tuple[RemoteDocument, RemoteModel]:
        """Return the document that *data* is and the model that it names; raises ModelError."""
        document = read_document(JsonDocument, data, self.descriptor.options)
        check_host(document.url, self.options.remote_hosts)
        return document, _Model(document, self.options)


class _Model(RemoteModel):
    def __init__(self, document: JsonDocument, options: RuntimeOptions) -> None:
        self._document = document
        self._caller = HttpCaller(document, options)
        largest = document.max_batch or _LARGEST_BATCH
        self._largest = largest if document.body.batched else 1

    def connect(self, timeout_s: float) -> None:
        if not self.serving(timeout_s):
            raise NotReadyError(f"{self._document.ready_path} says that the model is not ready")

    def serving(self, timeout_s: float) -> bool:
        """Without a ready_path: whether there is an answer at all, be it a refusal."""
        document = self._document
        status, _ = self._caller.status(urljoin(document.url, document.ready_path or "/"), timeout_s)
        return status == _OK or document.ready_path is None

    def metadata(self) -> Metadata:
        return Metadata(
            tuple(Field(name=name) for name in self._document.body.fields),
            tuple(Field(name=name) for name in self._document.outputs),
        )

    def calls(self, rows: Sequence[Row], answers: list[Outputs | Failure | None]) -> Sequence[Call]:
        parts: list[tuple[int, Any]] = []
        for place, row in enumerate(rows):
            try:
                parts.append((place, self._document.body.row(row)))
            except MissingFieldError as error:
                answers[place] = Failure(str(error))
        batches = (parts[start : start + self._largest] for start in range(0, len(parts), self._largest))
        return [
            Call([place for place, _ in batch], self._document.body.body([part for _, part in batch]))
            for batch in batches
        ]

    def ask(self, call: Call, timeout_s: float) -> list[Outputs | Failure]:
        document = self._document
        answer = self._caller.call(document.method, document.url, timeout_s, call.request)
        try:
            found = document.rows.find(answer)
        except LookupError as error:
            raise CallError(f"rows: {error} in the server's answer", blames=False) from error
        if not document.body.batched:
            return [self._outputs(found)]
        if not isinstance(found, list):
            raise CallError(f"rows: {document.rows} in the server's answer is not a list", blames=False)
        if len(found) != len(call.places):
            reason = f"rows: the server's answer has {len(found)} for {len(call.places)} rows"
            raise CallError(reason, blames=False)
        return [self._outputs(each) for each in found]

    def _outputs(self, element: object) -> Outputs | Failure:
        try:
            return {name: _value(path.find(element), name) for name, path in self._document.outputs.items()}
        except LookupError as error:
            return Failure(f"outputs: {error} in the row's part of the server's answer")
        except RowError as error:
            return Failure(str(error))

    def refresh(self) -> None:
        self._caller.refresh()

    def close(self) -> None:
        self._caller.close()


def _value(value: object, name: str) -> Plain:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, list):
        return _tensor(value, name)
    read: Plain = (_INTEGER if isinstance(value, int) else _NUMBER).reads(value, name)
    return read


def _tensor(value: list[Any], name: str) -> Tensor:
    """Return nested lists of numbers, all alike, as a tensor; raises RowError."""
    shape: list[int] = []
    level: list[Any] = [value]
    while level and isinstance(level[0], list):
        if not all(isinstance(each, list) and len(each) == len(level[0]) for each in level):
            raise RowError(f"output {name} is a list of lists that are not alike")
        shape.append(len(level[0]))
        level = [element for each in level for element in each]
    if not level:
        raise RowError(f"output {name} is empty")
    return Tensor(shape=shape, numbers=[_NUMBER.reads(each, name) for each in level])
