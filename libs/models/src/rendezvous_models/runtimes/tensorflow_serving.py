"""
Models of a TensorFlow Serving, by tensorflow-serving-api; its messages bring TensorFlow along.

A model that has to be there already is only asked for. With `deploy`, loading it here has the server load it:
the configuration is read from the file that the server was started with, the version is added, and the whole
is sent (remote_serving_config.py says why so). Where the server refuses, it gets its old configuration back.
Unloading here leaves the server as it is: replicas, canaries and others may ask it for the same version.
"""

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import grpc
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from rendezvous_models.contract import RuntimeOptions
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.remote_access import check_host, config_path
from rendezvous_models.runtimes.remote_document import (
    Deployment,
    RemoteDocument,
    TensorFlowServingDocument,
    read_document,
)
from rendezvous_models.runtimes.remote_grpc import GrpcCaller, status_of
from rendezvous_models.runtimes.remote_mapping import Request
from rendezvous_models.runtimes.remote_runtime import CallError, NotReadyError, RemoteModel, RemoteRuntime
from rendezvous_models.runtimes.remote_serving_config import locked, read_config, with_version, write_config
from rendezvous_models.runtimes.remote_tensor_model import Answered, Declared, RemoteTensorModel
from rendezvous_models.runtimes.remote_tensor_proto import from_proto, signature, to_proto

_AVAILABLE: Final = get_model_status_pb2.ModelVersionStatus.AVAILABLE
_END: Final = get_model_status_pb2.ModelVersionStatus.END
_POLL_S: Final = 0.1
_SIGNATURES: Final = "signature_def"


class TensorFlowServingRuntime(RemoteRuntime):
    """A model of a TensorFlow Serving, deployed there if its document says how."""

    def open(self, data: bytes) -> tuple[RemoteDocument, RemoteModel]:
        """Return the document that *data* is and the model that it names; raises ModelError."""
        document = read_document(TensorFlowServingDocument, data, self.descriptor.options)
        check_host(document.url, self.options.remote_hosts)
        return document, _Model(document, self.options)


class _Model(RemoteTensorModel):
    def __init__(self, document: TensorFlowServingDocument, options: RuntimeOptions) -> None:
        super().__init__(document)
        self._deploy = document.deploy
        self._signature = document.signature
        self._version = int(document.version) if document.version else None
        self._options = options
        self._caller = GrpcCaller(document, options)
        self._predictions = prediction_service_pb2_grpc.PredictionServiceStub(self._caller.channel)
        self._models = model_service_pb2_grpc.ModelServiceStub(self._caller.channel)

    def connect(self, timeout_s: float) -> None:
        if self._deploy is not None and self._version is not None:
            self._have_it_loaded(self._deploy, self._version, timeout_s)
        super().connect(timeout_s)

    def serving(self, timeout_s: float) -> bool:
        return any(state == _AVAILABLE for state, _ in self._states(self._version, timeout_s).values())

    def _states(self, version: int | None, timeout_s: float) -> dict[int, tuple[int, str]]:
        """Return state and error of each version that the server knows, or of *version* only."""
        wanted = get_model_status_pb2.GetModelStatusRequest()
        self._specify(wanted.model_spec, version)
        try:
            found = self._caller.call(self._models.GetModelStatus, wanted, timeout_s)
        except CallError as error:
            if status_of(error) is grpc.StatusCode.NOT_FOUND:
                return {}
            raise
        return {each.version: (each.state, each.status.error_message) for each in found.model_version_status}

    def _specify(self, spec: Any, version: int | None) -> None:
        spec.name = self._document.model
        if version is not None:
            spec.version.value = version

    def _have_it_loaded(self, deploy: Deployment, version: int, timeout_s: float) -> None:
        """Add *version* to what the server serves and wait until it is available; raises ModelError."""
        path = config_path("deploy.config_file", deploy.config_file, self._options)
        wait_s = deploy.wait_ms / 1_000
        with locked(path, wait_s):
            before = read_config(path)
            states = self._states(None, timeout_s)
            served = [number for number, (state, _) in states.items() if state == _AVAILABLE]
            name = self._document.model
            after = with_version(before, name, version, deploy.base_path, served=served)
            if after == before and version in served:
                return
            try:
                self._reload(after, wait_s)
                self._wait_for(version, wait_s, timeout_s)
            except (CallError, NotReadyError) as error:
                with suppress(CallError):
                    self._reload(before, timeout_s)
                raise NotReadyError(f"the server does not load {name} version {version}: {error}") from error
            if after != before:
                write_config(path, after)

    def _reload(self, config: Any, timeout_s: float) -> None:
        request = model_management_pb2.ReloadConfigRequest(config=config)
        answer = self._caller.call(self._models.HandleReloadConfigRequest, request, timeout_s)
        if answer.status.error_code:
            raise CallError(answer.status.error_message or "the configuration is refused", blames=False)

    def _wait_for(self, version: int, wait_s: float, timeout_s: float) -> None:
        deadline = time.monotonic() + wait_s
        while True:
            state, problem = self._states(version, timeout_s).get(version, (0, ""))
            if state == _AVAILABLE:
                return
            if state == _END:
                raise NotReadyError(problem or "the server has ended it")
            if time.monotonic() > deadline:
                raise NotReadyError(f"it is not available after {wait_s:g} s")
            time.sleep(_POLL_S)

    def declared(self, timeout_s: float) -> Declared:
        wanted = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=[_SIGNATURES])
        self._specify(wanted.model_spec, self._version)
        found = self._caller.call(self._predictions.GetModelMetadata, wanted, timeout_s)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        found.metadata[_SIGNATURES].Unpack(signatures)
        known = signatures.signature_def
        if self._signature not in known:
            names = ", ".join(sorted(known)) or "none"
            raise BadModelError(f"signature: the model has no {self._signature}; it has {names}")
        chosen = known[self._signature]
        inputs, outputs = (
            [signature(name, tensors[name]) for name in sorted(tensors)]
            for tensors in (chosen.inputs, chosen.outputs)
        )
        return Declared(inputs, outputs)

    def infer(self, request: Request, outputs: Sequence[str], timeout_s: float) -> Answered:
        message = predict_pb2.PredictRequest(output_filter=outputs)
        self._specify(message.model_spec, self._version)
        message.model_spec.signature_name = self._signature
        for tensor in request.tensors:
            message.inputs[tensor.name].CopyFrom(to_proto(tensor))
        answer = self._caller.call(self._predictions.Predict, message, timeout_s)
        version = answer.model_spec.version.value if answer.model_spec.HasField("version") else 0
        tensors = [from_proto(name, each) for name, each in answer.outputs.items()]
        return Answered(tensors, str(version or ""))

    def refresh(self) -> None:
        self._caller.refresh()

    def close(self) -> None:
        self._caller.close()
