"""What a process needs to serve models of a type: named once, for packages and images alike."""

from collections.abc import Mapping
from typing import Final

#: By model type: the extra of rendezvous-models that brings its runtime, which is also the name of the target
#: of the model container's Dockerfile that has it.
RUNTIMES: Final[Mapping[str, str]] = {
    "json-http": "remote",
    "onnx": "onnx",
    "open-inference-grpc": "remote",
    "open-inference-http": "remote",
    "pmml": "pmml",
    "tensorflow-graph": "tensorflow",
    "tensorflow-savedmodel": "tensorflow",
    "tensorflow-serving": "tensorflow",
}
