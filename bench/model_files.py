"""
Makes the models that containers are measured with: python -m bench.model_files FOLDER.

Each takes 13 numbers and says a quality; what they learn from is chance.
"""

import shutil
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Final

FIELDS: Final = tuple(f"measure_{number:02d}" for number in range(13))
OUTPUT: Final = "quality"
PMML: Final = "forest.pmml"
ONNX: Final = "forest.onnx"
NETWORK: Final = "network.zip"
WIDE: Final = "wide-network.zip"
_TREES: Final = 50
_DEPTH: Final = 8
_ROWS: Final = 4_000
_LAYERS: Final[Mapping[str, int]] = {NETWORK: 64, WIDE: 1_500}


def make(folder: Path) -> None:
    """Write all of them into *folder*."""
    _forests(folder)
    for name, width in _LAYERS.items():
        write_network(folder / name, width)


def _forests(folder: Path) -> None:
    import numpy as np  # noqa: PLC0415 - here, so that the names above cost nobody the libraries
    from skl2onnx import to_onnx  # noqa: PLC0415
    from sklearn.ensemble import RandomForestRegressor  # noqa: PLC0415

    from examples.wine.pmml import forest  # noqa: PLC0415

    chance = np.random.default_rng(1)
    rows = chance.uniform(0, 10, (_ROWS, len(FIELDS)))
    truth = rows @ chance.normal(size=len(FIELDS)) + chance.normal(size=_ROWS)
    model = RandomForestRegressor(n_estimators=_TREES, max_depth=_DEPTH, random_state=1).fit(rows, truth)
    (folder / PMML).write_text(forest(model, FIELDS, OUTPUT))
    (folder / ONNX).write_bytes(to_onnx(model, rows[:1].astype("float32")).SerializeToString())


def write_network(path: Path, width: int) -> None:
    """Write a SavedModel of a network with two hidden layers of *width*, zipped, to *path*."""
    import tensorflow as tf  # noqa: PLC0415 - as above

    sizes = (len(FIELDS), width, width, 1)
    layers = [
        tf.Variable(tf.random.stateless_normal(shape, seed=(1, shape[0])) / shape[0] ** 0.5)
        for shape in pairwise(sizes)
    ]

    def network(x: object) -> Mapping[str, object]:
        for layer in layers[:-1]:
            x = tf.nn.relu(tf.matmul(x, layer))
        return {OUTPUT: tf.matmul(x, layers[-1])}

    _save(path, network, layers)


def _save(path: Path, function: Callable[[object], Mapping[str, object]], kept: object) -> None:
    import tensorflow as tf  # noqa: PLC0415 - as above

    module = tf.Module()
    module.kept = kept
    spec = tf.TensorSpec([None, len(FIELDS)], tf.float32, name="x")
    module.serve = tf.function(function, input_signature=[spec], autograph=False)
    folder = path.with_suffix("")
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    shutil.make_archive(str(folder), "zip", folder)
    shutil.rmtree(folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
