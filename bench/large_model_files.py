"""
Makes a large model: python -m bench.large_model_files pmml|onnx|savedmodel FOLDER MB.

What it says does not matter. A PMML document may have 128 MB, and so has no more here.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from bench.model_files import FIELDS, OUTPUT, PMML, write_network

FILES: Final[Mapping[str, str]] = {
    "pmml": "large.pmml", "onnx": "large.onnx", "savedmodel": "large.zip"
}  # fmt: skip
_MB: Final = 1 << 20
_MOST_PMML_MB: Final = 120
_FLOAT: Final = 4


def _pmml(folder: Path, megabytes: int) -> None:
    """Write the forest of the other measurements, with its trees over and over."""
    head, begin, rest = (folder / PMML).read_text().partition("<Segment ")
    trees, end, tail = rest.rpartition("</Segment>")
    body = f"{begin}{trees}{end}"
    times = min(megabytes, _MOST_PMML_MB) * _MB // len(body)
    (folder / FILES["pmml"]).write_text(head + body * max(1, times) + tail)


def _onnx(folder: Path, megabytes: int) -> None:
    import numpy as np  # noqa: PLC0415 - as in model_files
    import onnx.parser  # noqa: PLC0415
    from onnx import numpy_helper  # noqa: PLC0415

    width = _width(megabytes)
    text = f"""<ir_version: 8, opset_import: ["" : 17]> network (float[N, {len(FIELDS)}] x)
        => (float[N, 1] {OUTPUT})
        {{ a = MatMul(x, first) b = MatMul(a, second) {OUTPUT} = MatMul(b, last) }}"""
    model = onnx.parser.parse_model(text)
    chance = np.random.default_rng(1)
    shapes = {"first": (len(FIELDS), width), "second": (width, width), "last": (width, 1)}
    for name, shape in shapes.items():
        weights = chance.standard_normal(shape, np.float32) / shape[0]
        model.graph.initializer.append(numpy_helper.from_array(weights, name))
    (folder / FILES["onnx"]).write_bytes(model.SerializeToString())


def _savedmodel(folder: Path, megabytes: int) -> None:
    write_network(folder / FILES["savedmodel"], _width(megabytes))


def _width(megabytes: int) -> int:
    """Return how wide a layer is whose weights have so many bytes."""
    return int((megabytes * _MB / _FLOAT) ** 0.5)


_MAKERS: Final[Mapping[str, Callable[[Path, int], None]]] = {
    "pmml": _pmml, "onnx": _onnx, "savedmodel": _savedmodel
}  # fmt: skip


if __name__ == "__main__":
    _MAKERS[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3]))
