"""What the servers that take tensors share: connecting, and rows through the mapping to calls and back."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from rendezvous_models.contract import Failure, Metadata, Outputs, Row
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.remote_document import TensorDocument
from rendezvous_models.runtimes.remote_mapping import Request, TensorModel
from rendezvous_models.runtimes.remote_runtime import Call, CallError, NotReadyError, RemoteModel
from rendezvous_models.runtimes.remote_tensors import Filled, Signature


class Declared(NamedTuple):
    """The tensors of a model, as its server declares them."""

    inputs: Sequence[Signature]
    outputs: Sequence[Signature]


class Answered(NamedTuple):
    """What came back: *version* is the one that answered, empty where the server does not say."""

    tensors: Sequence[Filled]
    version: str


class RemoteTensorModel(RemoteModel):
    """A model of a server that takes and gives tensors."""

    def __init__(self, document: TensorDocument) -> None:
        self._document = document
        self._mapping: TensorModel | None = None

    @abstractmethod
    def declared(self, timeout_s: float) -> Declared:
        """Return what the server declares of the model; raises CallError or ModelError."""

    @abstractmethod
    def infer(self, request: Request, outputs: Sequence[str], timeout_s: float) -> Answered:
        """Return what the server says to *request*, of the tensors *outputs*; raises CallError."""

    def connect(self, timeout_s: float) -> None:
        """See that the model is served, and how."""
        if not self.serving(timeout_s):
            raise NotReadyError(f"the server at {self._document.url} says that the model is not ready")
        self._mapping = TensorModel(self._document, *self.declared(timeout_s))

    @property
    def mapping(self) -> TensorModel:
        """How rows become tensors, once it is connected."""
        if self._mapping is None:
            raise BadModelError("the server has not been reached")
        return self._mapping

    def metadata(self) -> Metadata:
        """Return the fields of rows and outputs."""
        return self.mapping.metadata()

    def calls(self, rows: Sequence[Row], answers: list[Outputs | Failure | None]) -> Sequence[Call]:
        """Return what to ask for *rows*."""
        return [Call(each.places, each) for each in self.mapping.requests(rows, answers)]

    def ask(self, call: Call, timeout_s: float) -> list[Outputs | Failure]:
        """Return what the server says; a version that is not the pinned one is no answer."""
        answered = self.infer(call.request, self.mapping.output_names, timeout_s)
        pinned = self._document.version
        if pinned and answered.version and answered.version != pinned:
            raise CallError(f"version {answered.version[:40]} answered, but {pinned} is pinned", blames=False)
        return self.mapping.answers(answered.tensors, len(call.places))
