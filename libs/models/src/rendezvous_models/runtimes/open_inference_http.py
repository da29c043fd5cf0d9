"""
Models behind the Open Inference protocol, version 2, over HTTP: Triton, MLServer, KServe, OpenVINO.

https://github.com/kserve/open-inference-protocol. Tensors travel as JSON; the binary extension of some of the
servers is not used.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final
from urllib.parse import quote

from rendezvous_models.contract import RuntimeOptions
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.remote_access import check_host
from rendezvous_models.runtimes.remote_document import (
    OpenInferenceHttpDocument,
    RemoteDocument,
    read_document,
)
from rendezvous_models.runtimes.remote_http import HttpCaller
from rendezvous_models.runtimes.remote_mapping import Request
from rendezvous_models.runtimes.remote_runtime import CallError, RemoteModel, RemoteRuntime
from rendezvous_models.runtimes.remote_tensor_model import Answered, Declared, RemoteTensorModel
from rendezvous_models.runtimes.remote_tensors import Filled, Signature

_OK: Final = 200


class OpenInferenceHttpRuntime(RemoteRuntime):
    """A model of a server that speaks the protocol over HTTP."""

    def open(self, data: bytes) -> tuple[RemoteDocument, RemoteModel]:
        """Return the document that *data* is and the model that it names; raises ModelError."""
        document = read_document(OpenInferenceHttpDocument, data, self.descriptor.options)
        check_host(document.url, self.options.remote_hosts)
        return document, _Model(document, self.options)


class _Model(RemoteTensorModel):
    def __init__(self, document: OpenInferenceHttpDocument, options: RuntimeOptions) -> None:
        super().__init__(document)
        self._caller = HttpCaller(document, options)
        version = f"/versions/{quote(document.version)}" if document.version else ""
        self._url = f"{document.url.rstrip('/')}/v2/models/{quote(document.model)}{version}"

    def serving(self, timeout_s: float) -> bool:
        status, body = self._caller.status(f"{self._url}/ready", timeout_s)
        return status == _OK and _says_ready(body)

    def declared(self, timeout_s: float) -> Declared:
        found = self._caller.call("GET", self._url, timeout_s)
        return Declared(_signatures(found, "inputs"), _signatures(found, "outputs"))

    def infer(self, request: Request, outputs: Sequence[str], timeout_s: float) -> Answered:
        body = {
            "inputs": [
                {"name": name, "datatype": datatype, "shape": shape, "data": [_plain(each) for each in data]}
                for name, datatype, shape, data in request.tensors
            ],
            "outputs": [{"name": name} for name in outputs],
        }
        answer = self._caller.call("POST", f"{self._url}/infer", timeout_s, body)
        if not isinstance(answer, dict):
            raise CallError("the server's answer is not an object", blames=False)
        return Answered(list(_filled(answer)), str(answer.get("model_version") or ""))

    def refresh(self) -> None:
        self._caller.refresh()

    def close(self) -> None:
        self._caller.close()


def _says_ready(body: bytes) -> bool:
    """Whether *body* does not say otherwise: the protocol's is empty, some servers send {"ready": false}."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return True
    return not isinstance(said, dict) or said.get("ready", True) is not False


def _signatures(declared: object, key: str) -> list[Signature]:
    found = declared.get(key) if isinstance(declared, dict) else None
    try:
        return [
            Signature(str(each["name"]), str(each["datatype"]), _shape(each.get("shape")))
            for each in found or ()
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadModelError(f"the server's metadata cannot be read: {key}: {error!r}") from error


def _shape(shape: Any) -> tuple[int, ...] | None:
    return tuple(map(int, shape)) if shape is not None else None


def _filled(answer: dict[str, Any]) -> Iterator[Filled]:
    outputs = answer.get("outputs")
    for each in outputs if isinstance(outputs, list) else ():
        if not (isinstance(each, dict) and isinstance(each.get("data"), list)):
            raise CallError("an output of the server's answer has no list of data", blames=False)
        shape = each.get("shape")
        if not (isinstance(shape, list) and all(type(size) is int for size in shape)):
            raise CallError("an output of the server's answer has no shape", blames=False)
        elements = list(_flat(each["data"], len(shape)))
        yield Filled(str(each.get("name")), str(each.get("datatype")), tuple(shape), elements)


def _flat(data: list[Any], depth: int) -> Iterator[Any]:
    """Yield the elements of *data*, which may be nested as its shape of *depth* dimensions is."""
    for each in data:
        if isinstance(each, list) and depth > 1:
            yield from _flat(each, depth - 1)
        else:
            yield each


def _plain(element: Any) -> Any:
    """Return *element* as JSON has it; bytes, of which JSON has none, only where they are a text."""
    if not isinstance(element, bytes):
        return element
    try:
        return element.decode()
    except UnicodeDecodeError as error:
        reason = "bytes that are no text do not travel as JSON; use the protocol over gRPC"
        raise CallError(reason, blames=False, reached=False) from error
