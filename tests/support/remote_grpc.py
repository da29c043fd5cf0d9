"""A real gRPC server in this process that speaks the Open Inference protocol, well-behaved or not."""

import struct
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import grpc
from scoring.inference import open_inference_pb2 as pb

SERVICE = "inference.GRPCInferenceService"
_LONGEST_HANG_S = 20.0

Behave = Callable[[Any, grpc.ServicerContext], Any]


class Listener:
    """
    A gRPC server of *services* (name to methods) on *port* (0: any), until stop.

    *tls*: the folder of its certificate, if there is one.
    """

    def __init__(
        self,
        services: dict[str, dict[str, grpc.RpcMethodHandler]],
        port: int,
        tls: Path | None = None,
    ) -> None:
        self._threads = ThreadPoolExecutor(4)
        # Who takes over a port has it alone.
        self._server = grpc.server(self._threads, options=(("grpc.so_reuseport", 0),))
        self._server.add_generic_rpc_handlers(
            tuple(grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items())
        )
        address = f"127.0.0.1:{port}"
        if tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            pair = (tls / "key.pem").read_bytes(), (tls / "cert.pem").read_bytes()
            self.port = self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        self._server.start()

    def stop(self) -> None:
        """End it and all calls under way."""
        self._server.stop(None).wait()
        self._threads.shutdown()


def method(function: Behave, request: Any) -> grpc.RpcMethodHandler:
    """Return *function* as the method that takes messages of the class *request*."""
    return grpc.unary_unary_rpc_method_handler(
        function,
        request_deserializer=request.FromString,
        response_serializer=lambda it: it.SerializeToString(),
    )


class GrpcServer:
    """
    The model "sums" of tests/support/remote_http.py; *raw*: it answers with raw contents.

    *change* is applied to every inference's answer; *behave*, where given, takes over an inference.
    """

    def __init__(self, port: int = 0, *, raw: bool = False, tls: Path | None = None) -> None:
        self._tls = tls
        self.port = port
        self.ready = True
        self.raw = raw
        self.version = "3"
        self.behave: Behave | None = None
        self.change: Callable[[pb.ModelInferResponse], None] = lambda _: None
        self.requests: list[pb.ModelInferRequest] = []
        self.metadata: dict[str, str] = {}
        self.released = threading.Event()

    def __enter__(self) -> Self:
        methods = {
            "ServerReady": method(self._server_ready, pb.ServerReadyRequest),
            "ModelReady": method(self._model_ready, pb.ModelReadyRequest),
            "ModelMetadata": method(self._model_metadata, pb.ModelMetadataRequest),
            "ModelInfer": method(self._infer, pb.ModelInferRequest),
        }
        self._listener = Listener({SERVICE: methods}, self.port, self._tls)
        self.port = self._listener.port
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.released.set()
        self._listener.stop()

    @property
    def url(self) -> str:
        return f"{'grpcs' if self._tls else 'grpc'}://127.0.0.1:{self.port}"

    def hang(self, _: Any, context: grpc.ServicerContext) -> Any:
        """Answer when nobody waits any more."""
        self.released.wait(_LONGEST_HANG_S)
        context.abort(grpc.StatusCode.CANCELLED, "it was too late")

    def _server_ready(self, _: Any, __: grpc.ServicerContext) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=True)

    def _model_ready(self, request: pb.ModelReadyRequest, _: grpc.ServicerContext) -> pb.ModelReadyResponse:
        return pb.ModelReadyResponse(ready=self.ready and request.name == "sums")

    def _model_metadata(self, request: Any, _: grpc.ServicerContext) -> pb.ModelMetadataResponse:
        found = pb.ModelMetadataResponse(name=request.name, versions=["3"], platform="test")
        found.inputs.add(name="x", datatype="FP32", shape=[-1, 2])
        found.outputs.add(name="total", datatype="FP64", shape=[-1, 1])
        found.outputs.add(name="parts", datatype="FP32", shape=[-1, 2])
        found.outputs.add(name="label", datatype="BYTES", shape=[-1])
        return found

    def _infer(self, request: pb.ModelInferRequest, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        self.metadata = {each.key: each.value for each in context.invocation_metadata()}
        if self.behave is not None:
            return self.behave(request, context)
        answer = self._answer(request)
        self.change(answer)
        return answer

    def _answer(self, request: pb.ModelInferRequest) -> pb.ModelInferResponse:
        (x,) = request.inputs
        (raw,) = request.raw_input_contents
        flat = struct.unpack(f"<{len(raw) // 4}f", raw)
        rows = list(zip(flat[::2], flat[1::2], strict=True))
        assert list(x.shape) == [len(rows), 2]
        answer = pb.ModelInferResponse(model_name="sums", model_version=self.version)
        total = answer.outputs.add(name="total", datatype="FP64", shape=[len(rows), 1])
        parts = answer.outputs.add(name="parts", datatype="FP32", shape=[len(rows), 2])
        label = answer.outputs.add(name="label", datatype="BYTES", shape=[len(rows)])
        sums, labels = [a + b for a, b in rows], [b"a" if a > b else b"b" for a, b in rows]
        if self.raw:
            answer.raw_output_contents.append(struct.pack(f"<{len(rows)}d", *sums))
            answer.raw_output_contents.append(raw)
            answer.raw_output_contents.append(b"".join(b"\1\0\0\0" + text for text in labels))
        else:
            total.contents.fp64_contents.extend(sums)
            parts.contents.fp32_contents.extend(flat)
            label.contents.bytes_contents.extend(labels)
        return answer
