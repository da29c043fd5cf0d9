"""
Models behind the Open Inference protocol, version 2, over gRPC: Triton, MLServer, KServe, OpenVINO.

https://github.com/kserve/open-inference-protocol. Tensors travel raw where their elements have a fixed size,
which every one of the servers takes, and so do their answers or not, as the server likes.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import Any, Final

from scoring.inference.open_inference_pb2 import (
    DESCRIPTOR,
    InferTensorContents,
    ModelInferRequest,
    ModelInferResponse,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)

from rendezvous_models.contract import RuntimeOptions
from rendezvous_models.runtimes.remote_access import check_host
from rendezvous_models.runtimes.remote_document import GrpcDocument, RemoteDocument, read_document
from rendezvous_models.runtimes.remote_grpc import GrpcCaller, Method
from rendezvous_models.runtimes.remote_mapping import Request
from rendezvous_models.runtimes.remote_runtime import CallError, RemoteModel, RemoteRuntime
from rendezvous_models.runtimes.remote_tensor_model import Answered, Declared, RemoteTensorModel
from rendezvous_models.runtimes.remote_tensors import Filled, Signature
from rendezvous_models.runtimes.remote_types import DATATYPES

_SERVICE: Final = DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
_CONTENTS: Final = {
    "BOOL": "bool_contents",
    "INT8": "int_contents",
    "INT16": "int_contents",
    "INT32": "int_contents",
    "INT64": "int64_contents",
    "UINT8": "uint_contents",
    "UINT16": "uint_contents",
    "UINT32": "uint_contents",
    "UINT64": "uint64_contents",
    "FP32": "fp32_contents",
    "FP64": "fp64_contents",
    "BYTES": "bytes_contents",
}
_LENGTH: Final = struct.Struct("<I")


class OpenInferenceGrpcRuntime(RemoteRuntime):
    """A model of a server that speaks the protocol over gRPC."""

    def open(self, data: bytes) -> tuple[RemoteDocument, RemoteModel]:
        """Return the document that *data* is and the model that it names; raises ModelError."""
        document = read_document(GrpcDocument, data, self.descriptor.options)
        check_host(document.url, self.options.remote_hosts)
        return document, _Model(document, self.options)


class _Model(RemoteTensorModel):
    def __init__(self, document: GrpcDocument, options: RuntimeOptions) -> None:
        super().__init__(document)
        self._spec = {"name": document.model, "version": document.version}
        self._caller = GrpcCaller(document, options)
        self._server_ready = self._method("ServerReady", ServerReadyResponse)
        self._model_ready = self._method("ModelReady", ModelReadyResponse)
        self._model_metadata = self._method("ModelMetadata", ModelMetadataResponse)
        self._model_infer = self._method("ModelInfer", ModelInferResponse)

    def _method(self, name: str, response: Any) -> Method:
        return self._caller.method(f"/{_SERVICE}/{name}", response)

    def serving(self, timeout_s: float) -> bool:
        if not self._caller.call(self._server_ready, ServerReadyRequest(), timeout_s).ready:
            return False
        return bool(self._caller.call(self._model_ready, ModelReadyRequest(**self._spec), timeout_s).ready)

    def declared(self, timeout_s: float) -> Declared:
        found = self._caller.call(self._model_metadata, ModelMetadataRequest(**self._spec), timeout_s)
        inputs, outputs = (
            [Signature(each.name, each.datatype, tuple(each.shape)) for each in tensors]
            for tensors in (found.inputs, found.outputs)
        )
        return Declared(inputs, outputs)

    def infer(self, request: Request, outputs: Sequence[str], timeout_s: float) -> Answered:
        message = ModelInferRequest(model_name=self._document.model, model_version=self._document.version)
        for name, datatype, shape, elements in request.tensors:
            message.inputs.add(name=name, datatype=datatype, shape=shape)
            message.raw_input_contents.append(_packed(datatype, elements))
        for name in outputs:
            message.outputs.add(name=name)
        answer = self._caller.call(self._model_infer, message, timeout_s)
        return Answered(list(_filled(answer)), answer.model_version)

    def refresh(self) -> None:
        self._caller.refresh()

    def close(self) -> None:
        self._caller.close()


def _packed(datatype: str, elements: Sequence[Any]) -> bytes:
    if datatype != "BYTES":
        return struct.pack(f"<{len(elements)}{DATATYPES[datatype].code}", *elements)
    texts = [each.encode() if isinstance(each, str) else each for each in elements]
    return b"".join(_LENGTH.pack(len(text)) + text for text in texts)


def _filled(answer: ModelInferResponse) -> Iterator[Filled]:
    raw = answer.raw_output_contents
    if raw and len(raw) != len(answer.outputs):
        raise CallError(f"the answer has {len(raw)} contents for {len(answer.outputs)} outputs", blames=False)
    for number, each in enumerate(answer.outputs):
        elements = _unpacked(each.datatype, raw[number]) if raw else _listed(each.datatype, each.contents)
        yield Filled(each.name, each.datatype, tuple(each.shape), elements)


def _listed(datatype: str, contents: InferTensorContents) -> Sequence[Any]:
    return list(getattr(contents, _CONTENTS[datatype])) if datatype in _CONTENTS else ()


def _unpacked(datatype: str, raw: bytes) -> Sequence[Any]:
    kind = DATATYPES.get(datatype)
    if kind is None:
        return ()
    try:
        if kind.code:
            return struct.unpack(f"<{len(raw) // struct.calcsize('<' + kind.code)}{kind.code}", raw)
        return list(_texts(raw))
    except struct.error as error:
        raise CallError(f"the contents of an output are cut short: {error}", blames=False) from error


def _texts(raw: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        (length,) = _LENGTH.unpack_from(raw, at)
        at += _LENGTH.size
        if at + length > len(raw):
            raise struct.error("a text is longer than what is left")
        yield raw[at : at + length]
        at += length
