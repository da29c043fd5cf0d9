"""
A TensorFlow Serving's PredictionService and ModelService over real gRPC, on real SavedModels.

What it does as the server does: a configuration replaces the one before as a whole, models that it does not
name are unloaded, and a model that cannot be loaded is an error of the call.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_management_pb2,
    predict_pb2,
)

from tests.support.remote_grpc import Listener, method

_LONGEST_HANG_S = 20.0
_STATES = get_model_status_pb2.ModelVersionStatus


def save_sums(folder: Path, factor: float = 1.0) -> None:
    """Write a SavedModel: total = factor * (a + b) of "x", label = the greater one's name, n = twice "n"."""

    class Sums(tf.Module):  # type: ignore[misc]
        @tf.function(  # type: ignore[untyped-decorator]
            input_signature=[
                tf.TensorSpec([None, 2], tf.float32, name="x"),
                tf.TensorSpec([None], tf.int64, name="n"),
            ]
        )
        def __call__(self, x: Any, n: Any) -> dict[str, Any]:
            label = tf.where(x[:, 0] > x[:, 1], "a", "b")
            return {"total": factor * tf.reduce_sum(x, axis=1), "label": label, "twice": 2 * n, "same": x}

    sums = Sums()
    tf.saved_model.save(sums, str(folder), signatures={"serving_default": sums.__call__})


class Serving:
    """
    The server, on *port* (0: any) from start to stop.

    *loaded* are its models by name and version; *reloads* the configurations that it took; *behave*, where
    given, takes over a Predict.
    """

    def __init__(self, config: Any = None, port: int = 0) -> None:
        self.port = port
        self.loaded: dict[tuple[str, int], Any] = {}
        self.reloads: list[Any] = []
        self.requests: list[Any] = []
        self.behave: Callable[[Any, grpc.ServicerContext], Any] | None = None
        self.change: Callable[[Any], None] = lambda _: None
        self.metadata: dict[str, str] = {}
        self.released = threading.Event()
        if config is not None:
            self._apply(config)

    def __enter__(self) -> Self:
        predictions = {
            "Predict": method(self._predict, predict_pb2.PredictRequest),
            "GetModelMetadata": method(self._metadata, get_model_metadata_pb2.GetModelMetadataRequest),
        }
        models = {
            "GetModelStatus": method(self._status, get_model_status_pb2.GetModelStatusRequest),
            "HandleReloadConfigRequest": method(self._reload, model_management_pb2.ReloadConfigRequest),
        }
        services = {
            "tensorflow.serving.PredictionService": predictions,
            "tensorflow.serving.ModelService": models,
        }
        self._listener = Listener(services, self.port)
        self.port = self._listener.port
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.released.set()
        self._listener.stop()

    @property
    def url(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def hang(self, _: Any, context: grpc.ServicerContext) -> Any:
        """Answer when nobody waits any more."""
        self.released.wait(_LONGEST_HANG_S)
        context.abort(grpc.StatusCode.CANCELLED, "it was too late")

    def _apply(self, config: Any) -> str:
        """Serve what *config* says; return what could not be loaded."""
        wanted: dict[tuple[str, int], Path] = {}
        for each in config.model_config_list.config:
            folder = Path(each.base_path)
            there = sorted(int(path.name) for path in folder.glob("[0-9]*"))
            specific = list(each.model_version_policy.specific.versions)
            wanted |= {(each.name, number): folder / str(number) for number in specific or there[-1:]}
        problems = []
        kept = {key: model for key, model in self.loaded.items() if key in wanted}
        for key in wanted.keys() - kept.keys():
            try:
                kept[key] = tf.saved_model.load(str(wanted[key]))
            except OSError as error:
                problems.append(str(error))
        self.loaded = kept
        return "; ".join(problems)

    def _reload(self, request: Any, _: grpc.ServicerContext) -> Any:
        self.reloads.append(request.config)
        problem = self._apply(request.config)
        answer = model_management_pb2.ReloadConfigResponse()
        if problem:
            answer.status.error_code = grpc.StatusCode.NOT_FOUND.value[0]
            answer.status.error_message = problem
        return answer

    def _status(self, request: Any, context: grpc.ServicerContext) -> Any:
        versions = sorted(number for name, number in self.loaded if name == request.model_spec.name)
        if request.model_spec.HasField("version"):
            versions = [each for each in versions if each == request.model_spec.version.value]
        if not versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"no {request.model_spec.name} is known")
        answer = get_model_status_pb2.GetModelStatusResponse()
        for number in versions:
            answer.model_version_status.add(version=number, state=_STATES.AVAILABLE)
        return answer

    def _find(self, spec: Any, context: grpc.ServicerContext) -> tuple[int, Any]:
        versions = sorted(number for name, number in self.loaded if name == spec.name)
        number = spec.version.value if spec.HasField("version") else max(versions, default=0)
        if number not in versions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"Servable not found: {spec.name} {number}")
        return number, self.loaded[spec.name, number].signatures[spec.signature_name or "serving_default"]

    def _metadata(self, request: Any, context: grpc.ServicerContext) -> Any:
        number, function = self._find(request.model_spec, context)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        chosen = signatures.signature_def["serving_default"]
        _, inputs = function.structured_input_signature
        for name, spec in inputs.items():
            _declare(chosen.inputs[name], spec)
        for name, spec in function.structured_outputs.items():
            _declare(chosen.outputs[name], spec)
        answer = get_model_metadata_pb2.GetModelMetadataResponse()
        answer.model_spec.name = request.model_spec.name
        answer.model_spec.version.value = number
        answer.metadata["signature_def"].Pack(signatures)
        return answer

    def _predict(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        self.metadata = {each.key: each.value for each in context.invocation_metadata()}
        if self.behave is not None:
            return self.behave(request, context)
        number, function = self._find(request.model_spec, context)
        inputs = {name: tf.constant(tf.make_ndarray(each)) for name, each in request.inputs.items()}
        answer = predict_pb2.PredictResponse()
        answer.model_spec.name = request.model_spec.name
        answer.model_spec.version.value = number
        for name, value in function(**inputs).items():
            if name in request.output_filter or not request.output_filter:
                answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        self.change(answer)
        return answer


def _declare(info: Any, spec: Any) -> None:
    info.dtype = spec.dtype.as_datatype_enum
    info.tensor_shape.CopyFrom(spec.shape.as_proto())
