"""The TensorFlow Serving runtime against the server's services on real TensorFlow, over real gRPC."""

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import text_format
from rendezvous_models.contract import Failure, ModelRuntime, Row, RuntimeOptions, create_runtime
from rendezvous_models.errors import BadModelError, ModelError
from scoring.v1.control_pb2 import FieldType, Model
from scoring.v1.value_pb2 import Tensor
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tests.support.polling import wait_until
from tests.support.tensorflow_serving import Serving, save_sums

Load = Callable[..., ModelRuntime]

INPUTS = [{"name": "x", "fields": ["a", "b"]}, {"name": "n"}]
ROWS: list[Row] = [{"a": 1.0, "b": 2.0, "n": 3}, {"a": 5, "b": 4.5, "n": -4}]
TOTALS = [{"name": "total"}]
SOON_S = 10.0


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of models: sums/1, and sums/2, whose total is ten times that."""
    folder = tmp_path_factory.mktemp("models")
    save_sums(folder / "sums" / "1")
    save_sums(folder / "sums" / "2", factor=10.0)
    return folder


def _config(saved: Path, policy: str = "specific { versions: 1 }", *others: str) -> ModelServerConfig:
    entries = [f'config {{ name: "{name}" base_path: "{saved}/sums" }}' for name in others]
    sums = f'config {{ name: "sums" base_path: "{saved}/sums" model_version_policy {{ {policy} }} }}'
    text = f"model_config_list {{ {sums} {' '.join(entries)} }}"
    return text_format.Parse(text, ModelServerConfig())


@pytest.fixture
def serving(saved: Path) -> Iterator[Serving]:
    """A server that serves both versions of sums."""
    with Serving(_config(saved, "specific { versions: 1 versions: 2 }")) as server:
        yield server


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Loads a model, with the keys of its document as arguments, and unloads it at the end."""
    with ExitStack() as stack:

        def made(server: Serving, **keys: Any) -> ModelRuntime:
            path = tmp_path / f"{keys.get('model', 'model')}.json"
            document = {"url": server.url, "model": "sums", "probe_ms": 50, "inputs": INPUTS, **keys}
            path.write_text(json.dumps(document))
            options = RuntimeOptions(remote_configs=tmp_path)
            runtime = create_runtime(Model(name="sums", type="tensorflow-serving"), options)
            stack.callback(runtime.unload)
            runtime.load(path)
            return runtime

        yield made


def _failures(runtime: ModelRuntime) -> list[str]:
    answers = runtime.predict(ROWS)
    assert all(isinstance(each, Failure) for each in answers), answers
    return [each.reason for each in answers if isinstance(each, Failure)]


def test_a_batch_is_one_request_and_each_row_gets_its_own_answer(serving: Serving, load: Load) -> None:
    runtime = load(serving, version="1")

    assert runtime.predict(ROWS) == [
        {"label": "b", "same": Tensor(shape=[2], numbers=[1.0, 2.0]), "total": 3.0, "twice": 6},
        {"label": "a", "same": Tensor(shape=[2], numbers=[5.0, 4.5]), "total": 9.5, "twice": -8},
    ]
    assert len(serving.requests) == 1
    metadata = runtime.metadata()
    assert [(each.name, each.type) for each in metadata.inputs] == [
        ("a", FieldType.FIELD_TYPE_NUMBER),
        ("b", FieldType.FIELD_TYPE_NUMBER),
        ("n", FieldType.FIELD_TYPE_INTEGER),
    ]
    assert [each.name for each in metadata.outputs] == ["label", "same", "total", "twice"]


def test_the_pinned_version_answers_and_without_one_the_newest(serving: Serving, load: Load) -> None:
    pinned = load(serving, version="1", outputs=TOTALS)
    newest = load(serving, outputs=TOTALS)

    assert pinned.predict(ROWS) == [{"total": 3.0}, {"total": 9.5}]
    assert newest.predict(ROWS) == [{"total": 30.0}, {"total": 95.0}]
    assert list(serving.requests[0].output_filter) == ["total"]


def test_a_row_that_does_not_fit_costs_only_itself(serving: Serving, load: Load) -> None:
    runtime = load(serving, outputs=TOTALS, version="1")

    bad, good = runtime.predict([{"a": 1.0, "b": 1.0, "n": 0.5}, ROWS[1]])

    assert (bad, good) == (Failure("n: expected INT64, got number 0.5"), {"total": 9.5})


def test_a_model_that_the_server_does_not_have_is_tried_again_later(serving: Serving, load: Load) -> None:
    with pytest.raises(ModelError, match="not ready") as refused:
        load(serving, version="7")

    assert refused.value.passing


def test_a_signature_that_the_model_does_not_have_is_refused(serving: Serving, load: Load) -> None:
    with pytest.raises(BadModelError, match="signature: the model has no classify; it has serving_default"):
        load(serving, signature="classify")


def test_readiness_follows_what_the_server_says(serving: Serving, load: Load) -> None:
    runtime = load(serving, version="1")
    gone = serving.loaded.pop(("sums", 1))

    wait_until(lambda: not runtime.ready, SOON_S, "the model is not ready")
    serving.loaded["sums", 1] = gone
    wait_until(lambda: runtime.ready, SOON_S, "the model is ready again")


def test_a_server_that_hangs_costs_no_more_than_the_budget(serving: Serving, load: Load) -> None:
    runtime = load(serving, timeout_ms=20_000)
    serving.behave = serving.hang

    started = time.monotonic()
    answers = runtime.predict_within(ROWS, 100_000)  # type: ignore[attr-defined]

    assert time.monotonic() - started < SOON_S
    assert all("did not answer within" in each.reason for each in answers), answers


def test_a_server_that_is_started_again_is_found_again(saved: Path, load: Load) -> None:
    config = _config(saved)
    with Serving(config) as server:
        runtime = load(server, outputs=TOTALS)
        server.stop()
        assert all("could not be reached" in each for each in _failures(runtime))

        with Serving(config, server.port):
            expected = [{"total": 3.0}, {"total": 9.5}]
            wait_until(lambda: runtime.predict(ROWS) == expected, 20.0, "the server answers again")


def _first_shape(size: int) -> Callable[[Any], None]:
    def change(answer: Any) -> None:
        answer.outputs["total"].tensor_shape.dim[0].size = size

    return change


def _nan(answer: Any) -> None:
    answer.outputs["total"].ClearField("tensor_content")
    answer.outputs["total"].float_val[:] = [float("nan"), float("inf")]


def _cut(answer: Any) -> None:
    answer.outputs["total"].ClearField("float_val")
    answer.outputs["total"].tensor_content = b"\0" * 7


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (_nan, "not a finite number"),
        (_cut, "the content of an output is cut short"),
        (_first_shape(1), "output total has 2 elements for shape [1]"),
        (lambda answer: answer.outputs.clear(), "the server gave no output total, but nothing"),
        (
            lambda answer: setattr(answer.model_spec.version, "value", 2),
            "version 2 answered, but 1 is pinned",
        ),
    ],
)
def test_an_answer_that_is_none_is_a_failure_with_its_reason(
    change: Callable[[Any], None], reason: str, serving: Serving, load: Load
) -> None:
    runtime = load(serving, version="1", outputs=TOTALS)
    serving.change = change

    assert all(reason in each for each in _failures(runtime)), _failures(runtime)


def test_an_error_of_the_server_is_a_failure_with_its_reason(serving: Serving, load: Load) -> None:
    runtime = load(serving, version="1")
    serving.behave = lambda _, context: context.abort(grpc.StatusCode.INVALID_ARGUMENT, "Incompatible shapes")

    assert _failures(runtime) == ["the server answered INVALID_ARGUMENT: Incompatible shapes"] * 2


class TestDeploying:
    """`deploy`: loading a model has the server load it."""

    @pytest.fixture
    def deploy(self, saved: Path) -> dict[str, Any]:
        return {"base_path": f"{saved}/sums", "config_file": "models.config", "wait_ms": 2_000}

    @staticmethod
    def _keep(path: Path, config: ModelServerConfig) -> Path:
        path = path / "models.config"
        path.write_text(text_format.MessageToString(config))
        return path

    def test_a_version_is_added_and_whatever_was_served_still_is(
        self, saved: Path, load: Load, tmp_path: Path, deploy: dict[str, Any]
    ) -> None:
        config = _config(saved, "specific { versions: 1 }", "other")
        path = self._keep(tmp_path, config)
        with Serving(config) as server:
            runtime = load(server, version="2", outputs=TOTALS, deploy=deploy)

            assert runtime.predict(ROWS) == [{"total": 30.0}, {"total": 95.0}]
            assert set(server.loaded) == {("sums", 1), ("sums", 2), ("other", 2)}
            assert len(server.reloads) == 1
            assert text_format.Parse(path.read_text(), ModelServerConfig()) == server.reloads[0]

    def test_a_model_that_the_server_did_not_have_is_added(
        self, saved: Path, load: Load, tmp_path: Path, deploy: dict[str, Any]
    ) -> None:
        config = _config(saved)
        self._keep(tmp_path, config)
        with Serving(config) as server:
            load(server, model="fresh", version="2", deploy=deploy)

            assert set(server.loaded) == {("sums", 1), ("fresh", 2)}

    def test_two_containers_that_deploy_at_once_lose_nothing(
        self, saved: Path, load: Load, tmp_path: Path, deploy: dict[str, Any]
    ) -> None:
        config = _config(saved, "specific { versions: 1 }", "other")
        self._keep(tmp_path, config)
        names = [f"fresh{number}" for number in range(4)]
        patient = deploy | {"wait_ms": 30_000}
        with Serving(config) as server, ThreadPoolExecutor() as pool:
            list(pool.map(lambda name: load(server, model=name, version="2", deploy=patient), names))

            assert set(server.loaded) == {("sums", 1), ("other", 2), *((name, 2) for name in names)}

    def test_what_is_served_already_is_not_sent_again(
        self, saved: Path, load: Load, tmp_path: Path, deploy: dict[str, Any]
    ) -> None:
        config = _config(saved, "latest { num_versions: 1 }")
        self._keep(tmp_path, config)
        with Serving(config) as server:
            load(server, version="2", deploy=deploy)

            assert server.reloads == []

    def test_where_the_server_chose_the_version_what_it_chose_stays(
        self, saved: Path, load: Load, tmp_path: Path, deploy: dict[str, Any]
    ) -> None:
        config = _config(saved, "latest { num_versions: 1 }")
        self._keep(tmp_path, config)
        with Serving(config) as server:
            load(server, version="1", deploy=deploy)

            assert set(server.loaded) == {("sums", 1), ("sums", 2)}

    def test_a_version_that_the_server_cannot_load_leaves_it_as_it_was(
        self, saved: Path, load: Load, tmp_path: Path, deploy: dict[str, Any]
    ) -> None:
        config = _config(saved)
        path = self._keep(tmp_path, config)
        with Serving(config) as server:
            with pytest.raises(ModelError, match="the server does not load sums version 9: ") as refused:
                load(server, version="9", deploy=deploy)

            assert refused.value.passing
            assert set(server.loaded) == {("sums", 1)}
            assert server.reloads[-1] == config == text_format.Parse(path.read_text(), ModelServerConfig())

    def test_without_the_servers_configuration_nothing_is_sent(
        self, saved: Path, load: Load, deploy: dict[str, Any]
    ) -> None:
        with Serving(_config(saved)) as server:
            with pytest.raises(ModelError, match=r"models\.config cannot be read: .*--model_config_file"):
                load(server, version="2", deploy=deploy)

            assert server.reloads == []
            assert set(server.loaded) == {("sums", 1)}
