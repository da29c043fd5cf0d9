"""TensorFlow models in this process: SavedModels and frozen graphs, made here and served for real."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pytest
from rendezvous_contracts.values import Plain
from rendezvous_models.contract import Failure
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.tensorflow_library import message, tensorflow
from rendezvous_models.threads import granted_cpus
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from examples.wine.dataset import read_wines
from tests.support.tensorflow_hostile import HOSTILE, Hostile
from tests.support.tensorflow_models import frozen, linear, load_model, save

SAVED, GRAPH = "tensorflow-savedmodel", "tensorflow-graph"
NUMBER, TENSOR = FieldType.FIELD_TYPE_NUMBER, FieldType.FIELD_TYPE_TENSOR

WINES: Final = read_wines()
X: Final = np.array(WINES.features)
ROWS: Final[list[Mapping[str, Plain]]] = [dict(zip(WINES.names, row, strict=True)) for row in WINES.features]
INPUTS: Final = [Field(name=name, type=NUMBER) for name in WINES.names]
QUALITY: Final = [Field(name="quality", type=NUMBER)]
# Found by least squares.
WEIGHTS: Final = np.linalg.lstsq(np.c_[X, np.ones(len(X))], np.array(WINES.quality), rcond=None)[0]
EXPECTED: Final = X @ WEIGHTS[:-1] + WEIGHTS[-1]


@pytest.fixture(scope="session")
def tf() -> Any:
    return tensorflow(SAVED)


@pytest.fixture(scope="session")
def models(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The same regression of the wines, as everything that can be published."""
    folder = tmp_path_factory.mktemp("tensorflow")
    function, variables = linear(tf, WEIGHTS[:-1].tolist(), float(WEIGHTS[-1]))
    table = tf.TensorSpec([None, X.shape[1]], tf.float32, name="wine")
    columns = [tf.TensorSpec([None], tf.float32, name=name.replace(" ", "_").lower()) for name in WINES.names]
    return {
        SAVED: save(tf, folder / "saved", function, table, variables=variables),
        "columns": save(
            tf, folder / "columns", lambda *x: function(tf.stack(x, axis=1)), *columns, variables=variables
        ),
        GRAPH: frozen(tf, folder / "frozen.pb", function, table),
    }


@pytest.fixture
def saved(tf: Any, tmp_path: Path) -> Callable[..., Path]:
    return lambda function, *specs, **more: save(tf, tmp_path / "model", function, *specs, **more)


# What they say.


@pytest.mark.parametrize("kind", [SAVED, GRAPH])
@pytest.mark.parametrize("size", [1, 2, 64, 1_599])
def test_a_batch_of_any_size_is_scored_row_by_row(models: Mapping[str, Path], kind: str, size: int) -> None:
    runtime = load_model(kind, models[kind], inputs=INPUTS, outputs=QUALITY)

    found: list[Any] = runtime.predict(ROWS[:size])

    assert [each["quality"] for each in found] == pytest.approx(EXPECTED[:size].tolist(), rel=1e-4)
    assert type(found[0]["quality"]) is float
    assert runtime.metadata().inputs == tuple(INPUTS)
    assert runtime.metadata().outputs == tuple(QUALITY)


def test_a_signature_of_named_columns_takes_the_fields_of_those_names(models: Mapping[str, Path]) -> None:
    found: list[Any] = load_model(SAVED, models["columns"], inputs=INPUTS[::-1]).predict(ROWS)

    assert [each["quality"] for each in found] == pytest.approx(EXPECTED.tolist(), rel=1e-4)


@pytest.mark.parametrize("kind", [SAVED, GRAPH])
def test_a_row_that_does_not_fit_fails_alone(models: Mapping[str, Path], kind: str) -> None:
    runtime = load_model(kind, models[kind], inputs=INPUTS, outputs=QUALITY)
    rows = [dict(row) for row in ROWS[:50]]
    rows[7]["pH"] = "3.3"
    del rows[30]["alcohol"]

    found = runtime.predict(rows)

    failures = {n: each.reason for n, each in enumerate(found) if isinstance(each, Failure)}
    assert failures.keys() == {7, 30}
    assert failures[7].startswith("pH: expected a number for tensor 'wine'")
    assert failures[30].startswith("alcohol: missing")


def test_rows_on_which_the_model_raises_or_says_nothing_finite_fail_alone(
    tf: Any, saved: Callable[..., Path]
) -> None:
    def serve(x: Any) -> Any:
        with tf.control_dependencies([tf.debugging.assert_less(x, 100.0, message="a hundred or more")]):
            return {"y": tf.math.log(x)}

    runtime = load_model(SAVED, saved(serve, tf.TensorSpec([None], tf.float32, name="x")))

    found = runtime.predict([{"x": x} for x in [1.0, -1.0, 200.0, 0.0, 1.0]])

    assert [found[0], found[4]] == [{"y": 0.0}] * 2
    reasons = [each.reason for each in found if isinstance(each, Failure)]
    assert [reasons[0], reasons[2]] == [
        "output y is nan: not a finite number",
        "output y is -inf: not a finite number",
    ]
    assert "a hundred or more" in reasons[1]


def test_texts_integers_flags_and_tensors_keep_their_types(tf: Any, saved: Callable[..., Path]) -> None:
    def serve(image: Any, word: Any, flag: Any) -> Any:
        return {
            "word": tf.strings.join([word, "!"]),
            "pixels": tf.reduce_sum(tf.cast(image, tf.int64), axis=[1, 2]),
            "turned": tf.transpose(image, [0, 2, 1]),
            "not": tf.logical_not(flag),
            "half": tf.cast(tf.reduce_mean(image, axis=[1, 2]), tf.bfloat16),
        }

    path = saved(
        serve,
        tf.TensorSpec([None, 1, 2], tf.float32, name="image"),
        tf.TensorSpec([None], tf.string, name="word"),
        tf.TensorSpec([None, 1], tf.bool, name="flag"),
    )
    image = Tensor(shape=[1, 2], numbers=[1, 4])

    runtime = load_model(SAVED, path)
    found = runtime.predict([{"image": image, "word": "süß", "flag": True}] * 2)

    assert (
        found
        == [
            {
                "half": 2.5,
                "not": False,
                "pixels": 5,
                "turned": Tensor(shape=[2, 1], numbers=[1, 4]),
                "word": "süß!",
            }
        ]
        * 2
    )
    assert {field.name: field.type for field in runtime.metadata().inputs}["image"] == TENSOR


# Signatures, names and shapes.


def test_the_signature_and_the_outputs_are_the_descriptors_choice(tf: Any, tmp_path: Path) -> None:
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(["red", "white"], [1, 2]), default_value=-1
    )
    spec = tf.TensorSpec([None], tf.string, name="colour")
    module.look = tf.function(
        lambda colour: {"code": module.table.lookup(colour), "same": colour}, input_signature=[spec]
    )
    tf.saved_model.save(module, str(tmp_path / "deep" / "1"), signatures={"look": module.look})
    options = {"signature": "look", "outputs": "code", "fields.code": "colour code"}

    runtime = load_model(SAVED, tmp_path, options=options)

    assert runtime.predict([{"colour": "white"}, {"colour": "green"}]) == [
        {"colour code": 2},
        {"colour code": -1},
    ]
    with pytest.raises(BadModelError, match=r"no signature 'serving_default'; it has: look"):
        load_model(SAVED, tmp_path)
    with pytest.raises(BadModelError, match="option tags must name those of one graph; there are: serve"):
        load_model(SAVED, tmp_path, options={"signature": "look", "tags": "train"})


def test_a_model_of_the_first_tensorflow_is_served(tf: Any, tmp_path: Path) -> None:
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, [None, 2], name="x")
        w = v1.get_variable("w", initializer=[[2.0], [3.0]], use_resource=False)
        y = tf.matmul(x, w)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(tmp_path / "old"), {"x": x}, {"y": y})

    runtime = load_model(SAVED, tmp_path, inputs=INPUTS[:2])

    assert runtime.predict([{INPUTS[0].name: 1.0, INPUTS[1].name: 10.0}] * 2) == [{"y": 32.0}] * 2


def test_names_and_shapes_of_a_graph_can_be_declared(tf: Any, tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, name="net/x")
        keep = tf.compat.v1.placeholder(tf.float32, [], name="keep")
        inner = tf.multiply(x, keep, name="net/inner")
        tf.reduce_sum(inner, axis=1, name="net/out")
    path = tmp_path / "graph.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    rows = [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]
    base = {"fields.net/x": "a, b", "constant.keep": "10"}

    inferred = load_model(GRAPH, path, options=base)
    shaped = load_model(GRAPH, path, options=base | {"shape.net/x": "?, 2", "fields.net/out": "sum"})
    other = load_model(GRAPH, path, options={**base, "outputs": "net/inner:0", "inputs": "net/x, keep"})

    assert inferred.predict(rows) == [{"net/out": 30.0}, {"net/out": 70.0}]
    assert shaped.predict(rows) == [{"sum": 30.0}, {"sum": 70.0}]
    assert other.predict(rows[:1]) == [{"net/inner:0": Tensor(shape=[2], numbers=[10, 20])}]
    for options, reason in [
        ({"shape.net/x": "?, x"}, "no shape such as"),
        ({"shape.keep": "?, 2"}, r"option shape.keep does not fit the graph's own shape \(\)"),
        ({"outputs": "gone"}, "no tensor 'gone'"),
        ({"shape.net/x": "?, 3"}, "which these 2 fields do not fill"),
    ]:
        with pytest.raises(BadModelError, match=reason):
            load_model(GRAPH, path, options=base | options)


# What is refused.


@pytest.mark.parametrize("function", HOSTILE, ids=lambda each: each.__name__)
def test_a_model_with_an_operation_that_does_more_than_compute_is_refused(
    tf: Any, tmp_path: Path, function: Hostile
) -> None:
    def serve(x: Any) -> Any:
        return {"y": tf.nest.flatten(function(tf, x))[0]}

    spec = tf.TensorSpec([None], tf.float32, name="x")
    graph = tf.function(serve, input_signature=[spec], autograph=False).get_concrete_function().graph
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())
    saved = save(tf, tmp_path / "saved", serve, spec)

    for kind, path in [(SAVED, saved), (GRAPH, tmp_path / "graph.pb")]:
        with pytest.raises(BadModelError, match=f"the model has the operation {HOSTILE[function]} "):
            load_model(kind, path)


def test_what_only_runs_when_a_model_is_loaded_is_looked_at_as_well(tf: Any, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("a\nb\n")
    module = tf.Module()
    module.table = tf.lookup.StaticHashTable(
        tf.lookup.TextFileInitializer(
            str(names),
            tf.string,
            tf.lookup.TextFileIndex.WHOLE_LINE,
            tf.int64,
            tf.lookup.TextFileIndex.LINE_NUMBER,
        ),
        default_value=-1,
    )
    module.serve = tf.function(
        lambda x: {"y": x}, input_signature=[tf.TensorSpec([None], tf.float32, name="x")]
    )
    module.aside = tf.function(tf.io.read_file, input_signature=[tf.TensorSpec([], tf.string)])
    tf.saved_model.save(module, str(tmp_path / "model"), signatures={"serving_default": module.serve})

    with pytest.raises(BadModelError, match=r"the operation (InitializeTableFromTextFileV2|ReadFile) "):
        load_model(SAVED, tmp_path)


def test_a_graph_with_variables_is_refused(tf: Any, tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, [None], name="x")
        tf.multiply(x, tf.compat.v1.get_variable("w", initializer=2.0), name="y")
    (tmp_path / "graph.pb").write_bytes(graph.as_graph_def().SerializeToString())

    with pytest.raises(BadModelError, match="the graph is not frozen: 'w' is a variable"):
        load_model(GRAPH, tmp_path / "graph.pb")


def test_a_truncated_graph_is_refused(models: Mapping[str, Path], tmp_path: Path) -> None:
    whole = models[GRAPH].read_bytes()

    for length in range(0, len(whole) - 40, len(whole) // 40):
        (tmp_path / "part.pb").write_bytes(whole[:length])
        with pytest.raises(BadModelError):
            load_model(GRAPH, tmp_path / "part.pb", inputs=INPUTS)


@pytest.mark.parametrize("content", [b"", b"\x00" * 50, b"<PMML/>", b"\x0a\x03\x0a\x01x"])
@pytest.mark.parametrize("kind", [SAVED, GRAPH])
def test_a_file_that_is_no_model_is_refused(tf: Any, tmp_path: Path, kind: str, content: bytes) -> None:
    assert tf
    path = tmp_path / "saved_model.pb"
    path.write_bytes(content)

    with pytest.raises(BadModelError):
        load_model(kind, tmp_path if kind == SAVED else path)


@pytest.mark.parametrize(
    "part", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("keep", [0.0, 0.5, None])
def test_a_saved_model_with_a_part_that_is_cut_or_gone_is_refused(
    models: Mapping[str, Path], tmp_path: Path, part: str, keep: float | None
) -> None:
    shutil.copytree(models[SAVED], tmp_path / "model")
    path = tmp_path / "model" / part
    if keep is None:
        path.unlink()
    else:
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])

    with pytest.raises(BadModelError):
        load_model(SAVED, tmp_path, inputs=INPUTS)


def negative_size(signatures: Any) -> None:
    signatures["serving_default"].inputs["wine"].tensor_shape.dim[1].size = -(2**50)


def other_input(signatures: Any) -> None:
    inputs = signatures["serving_default"].inputs
    inputs["beer"].CopyFrom(inputs["wine"])
    del inputs["wine"]


def other_signature(signatures: Any) -> None:
    signatures["tasting"].CopyFrom(signatures["serving_default"])
    del signatures["serving_default"]


@pytest.mark.parametrize("spoil", [negative_size, other_input, other_signature])
def test_a_saved_model_whose_signature_is_not_that_of_its_functions_is_refused(
    models: Mapping[str, Path], tmp_path: Path, spoil: Callable[[Any], None]
) -> None:
    shutil.copytree(models[SAVED], tmp_path / "model")
    path = tmp_path / "model" / "saved_model.pb"
    parsed = message("protobuf.saved_model_pb2", "SavedModel").FromString(path.read_bytes())
    spoil(parsed.meta_graphs[0].signature_def)
    path.write_bytes(parsed.SerializeToString())
    signature = "tasting" if spoil is other_signature else "serving_default"

    with pytest.raises(BadModelError):
        load_model(SAVED, tmp_path, inputs=INPUTS, options={"signature": signature})


def test_an_archive_must_hold_one_model(models: Mapping[str, Path], tmp_path: Path) -> None:
    shutil.copytree(models[SAVED], tmp_path / "1")
    shutil.copytree(models[SAVED], tmp_path / "2")

    with pytest.raises(BadModelError, match=r"must hold one saved_model.pb; folders that have it: 1, 2"):
        load_model(SAVED, tmp_path)
    with pytest.raises(BadModelError, match="an archive of its folder"):
        load_model(SAVED, models[GRAPH])


# How they run.


def test_its_threads_are_those_that_are_granted(tf: Any) -> None:
    assert tf.config.threading.get_intra_op_parallelism_threads() == granted_cpus()
    assert tf.config.threading.get_inter_op_parallelism_threads() == 1


@pytest.mark.parametrize("kind", [SAVED, GRAPH])
def test_after_unload_it_is_not_ready_and_can_be_loaded_again(models: Mapping[str, Path], kind: str) -> None:
    runtime = load_model(kind, models[kind], inputs=INPUTS, outputs=QUALITY)
    before = runtime.predict(ROWS[:3])

    runtime.unload()

    assert not runtime.ready
    assert runtime.predict(ROWS[:1]) == [Failure("the model is not loaded")]
    runtime.load(models[kind])
    assert runtime.predict(ROWS[:3]) == before


@pytest.mark.parametrize("kind", [SAVED, GRAPH])
def test_a_model_that_is_loaded_again_and_again_keeps_no_memory(tf: Any, tmp_path: Path, kind: str) -> None:
    weights = tf.Variable(tf.ones([1_500, 1_500]))  # 9 MB, of which nothing may stay
    spec = tf.TensorSpec([None, 1_500], tf.float32, name="x")

    def serve(x: Any) -> Any:
        return {"y": tf.reduce_sum(tf.matmul(x, weights), axis=1)}

    path = (
        save(tf, tmp_path / "saved", serve, spec, variables=weights)
        if kind == SAVED
        else frozen(tf, tmp_path / "graph.pb", serve, spec)
    )
    row = {"x": Tensor(shape=[1_500], numbers=[1.0] * 1_500)}

    def resident_mb() -> float:
        return float(psutil.Process().memory_info().rss) / 1e6

    def load_and_unload() -> float:
        runtime = load_model(kind, path)
        assert isinstance(runtime.predict([row])[0], dict)
        runtime.unload()
        return resident_mb()

    before = max(load_and_unload() for _ in range(4))
    after = [load_and_unload() for _ in range(10)]

    assert min(after[-3:]) - before < 50
