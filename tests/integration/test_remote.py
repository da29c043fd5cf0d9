"""Remote models against real servers on the loopback: over HTTP and gRPC, with and without manners."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from rendezvous_control.state import State
from rendezvous_models.contract import Failure, ModelRuntime, Row, RuntimeOptions, create_runtime
from rendezvous_models.errors import BadModelError, ModelError
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.control_view import ControlView
from scoring.inference.open_inference_pb2 import ModelInferResponse
from scoring.v1.control_pb2 import Model
from scoring.v1.score_pb2 import ScoreStatus
from scoring.v1.value_pb2 import Tensor

from tests.support.certificates import write_certificate
from tests.support.models import input_record, ready_model
from tests.support.polling import wait_until
from tests.support.remote_grpc import GrpcServer
from tests.support.remote_http import Server, answering

AnyServer = Server | GrpcServer
Load = Callable[..., ModelRuntime]

HTTP, GRPC = "open-inference-http", "open-inference-grpc"
BOTH = pytest.mark.parametrize("kind", [HTTP, GRPC])
AB = [{"name": "x", "fields": ["a", "b"]}]
ROWS: list[Row] = [{"a": 1.0, "b": 2.0}, {"a": 5, "b": 4.5}]
ANSWERS = [
    {"total": 3.0, "parts": Tensor(shape=[2], numbers=[1.0, 2.0]), "label": "b"},
    {"total": 9.5, "parts": Tensor(shape=[2], numbers=[5.0, 4.5]), "label": "a"},
]
# Far above what a busy machine takes, and far below what a call without an end would.
SOON_S = 5.0
# Three, or more if the machine was so busy that the first call took longer than these are given.
_MOST_HANGING = 15


@pytest.fixture
def load(tmp_path: Path) -> Iterator[Load]:
    """Loads a model, with the keys of its document as arguments, and unloads it at the end."""
    with ExitStack() as stack:

        def made(
            kind: str,
            options: RuntimeOptions | None = None,
            settings: dict[str, str] | None = None,
            **keys: Any,
        ) -> ModelRuntime:
            path = tmp_path / "model.json"
            path.write_text(json.dumps({"probe_ms": 50} | keys))
            model = Model(name="sums", type=kind, options=settings)
            runtime = create_runtime(model, options or RuntimeOptions())
            stack.callback(runtime.unload)
            runtime.load(path)
            return runtime

        yield made


def _server(kind: str, port: int = 0, tls: Path | None = None) -> AnyServer:
    return Server(port, tls=tls) if kind == HTTP else GrpcServer(port, tls=tls)


def _hang(server: AnyServer) -> None:
    if isinstance(server, Server):
        server.behave = Server.hang
    else:
        server.behave = server.hang


def _failures(runtime: ModelRuntime, rows: list[Row] | None = None) -> list[str]:
    answers = runtime.predict(rows or ROWS)
    assert all(isinstance(each, Failure) for each in answers), answers
    return [each.reason for each in answers if isinstance(each, Failure)]


def _within(runtime: ModelRuntime, budget_us: int) -> list[Any]:
    return runtime.predict_within(ROWS, budget_us)  # type: ignore[attr-defined, no-any-return]


@BOTH
def test_a_batch_is_one_request_and_each_row_gets_its_own_answer(kind: str, load: Load) -> None:
    with _server(kind) as server:
        runtime = load(kind, url=server.url, model="sums", version="3", inputs=AB)

        assert runtime.ready
        assert runtime.predict(ROWS) == ANSWERS
        assert len(server.posts if isinstance(server, Server) else server.requests) == 1
        assert [each.name for each in runtime.metadata().inputs] == ["a", "b"]
        assert [each.name for each in runtime.metadata().outputs] == ["total", "parts", "label"]


@BOTH
def test_only_the_outputs_of_the_document_are_asked_for_under_the_names_that_it_gives(
    kind: str, load: Load
) -> None:
    with _server(kind) as server:
        outputs = [{"name": "parts", "fields": ["p", "q"]}]
        runtime = load(kind, url=server.url, model="sums", inputs=AB, outputs=outputs)

        assert runtime.predict(ROWS) == [{"p": 1.0, "q": 2.0}, {"p": 5.0, "q": 4.5}]


def test_raw_contents_are_read_as_listed_ones_are(load: Load) -> None:
    with GrpcServer(raw=True) as server:
        runtime = load(GRPC, url=server.url, model="sums", inputs=AB)

        assert runtime.predict(ROWS) == ANSWERS


@BOTH
def test_a_row_that_does_not_fit_costs_only_itself(kind: str, load: Load) -> None:
    with _server(kind) as server:
        runtime = load(kind, url=server.url, model="sums", inputs=AB)

        bad, good = runtime.predict([{"a": "much", "b": 1.0}, ROWS[1]])

        assert bad == Failure("a: expected FP32, got text 'much'")
        assert good == ANSWERS[1]


@BOTH
def test_a_server_that_is_not_ready_is_tried_again_later(kind: str, load: Load) -> None:
    with _server(kind) as server:
        server.ready = False
        with pytest.raises(ModelError, match="says that the model is not ready") as refused:
            load(kind, url=server.url, model="sums", inputs=AB)

        assert refused.value.passing


@BOTH
def test_a_server_that_is_not_there_is_tried_again_later(kind: str, load: Load) -> None:
    with _server(kind) as server:
        url = server.url
    with pytest.raises(ModelError, match="could not be reached") as refused:
        load(kind, url=url, model="sums", inputs=AB)

    assert refused.value.passing


@BOTH
def test_a_host_that_the_operator_does_not_list_is_refused(kind: str, load: Load) -> None:
    scheme = "http" if kind == HTTP else "grpc"
    with pytest.raises(BadModelError, match="allow it by the setting remote_hosts") as refused:
        load(kind, url=f"{scheme}://169.254.169.254:80", model="sums")

    assert not refused.value.passing


@BOTH
def test_a_document_that_the_server_does_not_agree_with_is_refused_for_good(kind: str, load: Load) -> None:
    with _server(kind) as server, pytest.raises(BadModelError, match="has no y; it declares x"):
        load(kind, url=server.url, model="sums", inputs=[{"name": "y"}])


@BOTH
def test_what_the_server_says_of_its_readiness_is_followed(kind: str, load: Load) -> None:
    with _server(kind) as server:
        runtime = load(kind, url=server.url, model="sums", inputs=AB)

        server.ready = False
        wait_until(lambda: not runtime.ready, SOON_S, "the model is not ready")
        server.ready = True
        wait_until(lambda: runtime.ready, SOON_S, "the model is ready again")


@BOTH
def test_a_server_that_hangs_costs_no_more_than_the_budget_and_soon_nothing(kind: str, load: Load) -> None:
    with _server(kind) as server:
        runtime = load(kind, url=server.url, model="sums", inputs=AB, timeout_ms=10_000)
        runtime.predict(ROWS)
        _hang(server)

        started = time.monotonic()
        hung: list[list[str]] = []
        while len(hung) < _MOST_HANGING:
            reasons = [each.reason for each in _within(runtime, 200_000)]
            if "the server is left alone for" in reasons[0]:
                break
            hung.append(reasons)
        asked_s = time.monotonic() - started
        left_alone = _within(runtime, 10_000_000)

        assert 3 <= len(hung) < _MOST_HANGING
        assert asked_s < SOON_S
        assert all("did not answer within" in reason for batch in hung for reason in batch), hung
        assert all("the server is left alone for" in each.reason for each in left_alone)
        assert time.monotonic() - started < SOON_S


def test_a_server_that_drips_does_not_outlast_the_budget(load: Load) -> None:
    with Server() as server:
        runtime = load(HTTP, url=server.url, model="sums", inputs=AB, timeout_ms=10_000)
        server.behave = Server.drip

        started = time.monotonic()
        answers = _within(runtime, 100_000)

        assert time.monotonic() - started < SOON_S
        assert all("did not answer within" in each.reason for each in answers)


@BOTH
def test_with_no_time_left_nobody_is_asked(kind: str, load: Load) -> None:
    with _server(kind) as server:
        runtime = load(kind, url=server.url, model="sums", inputs=AB)

        assert _within(runtime, 100) == [Failure("no time was left to ask the server")] * 2
        assert not (server.posts if isinstance(server, Server) else server.requests)


@BOTH
def test_a_server_that_is_started_again_is_found_again(kind: str, load: Load) -> None:
    with _server(kind) as server:
        runtime = load(kind, url=server.url, model="sums", inputs=AB)
        assert runtime.predict(ROWS) == ANSWERS
        server.stop()

        reasons = _failures(runtime)
        assert all("could not be reached" in each or "broke the call off" in each for each in reasons), (
            reasons
        )

        with _server(kind, server.port):
            wait_until(lambda: runtime.predict(ROWS) == ANSWERS, 15.0, "the server answers again")


def test_connections_are_used_again(load: Load) -> None:
    with Server() as server:
        runtime = load(HTTP, url=server.url, model="sums", inputs=AB, probe_ms=60_000)

        for _ in range(20):
            assert runtime.predict(ROWS) == ANSWERS

        assert server.connections == 1


def test_an_idle_connection_that_the_server_has_closed_costs_no_row(load: Load) -> None:
    with Server() as server:
        runtime = load(HTTP, url=server.url, model="sums", inputs=AB, probe_ms=60_000)
        assert runtime.predict(ROWS) == ANSWERS

        server.drop_connections()

        assert runtime.predict(ROWS) == ANSWERS
        assert server.connections == 2


def _tensor(name: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": "FP64", "shape": shape, "data": data}


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (answering(500, b"out of cheese"), "the server answered 500: out of cheese"),
        (answering(503, b""), "the server answered 503: nothing"),
        (answering(400, b'{"error": "bad shape"}'), 'the server answered 400: {"error": "bad shape"}'),
        (answering(302, b"", Location="http://example.com"), "the server answered 302"),
        (answering(200, b"<html>"), "the server's answer is not JSON"),
        (answering(200, b""), "the server's answer is not JSON"),
        (answering(200, b"[" * 100_000), "the server's answer is not JSON"),
        (answering(200, b"[]"), "is not an object"),
        (answering(200, b"{}"), "the server gave no output total, but nothing"),
        (answering(200, b'{"outputs": [1]}'), "has no list of data"),
        (answering(200, b'{"outputs": [{"data": [1], "shape": "x"}]}'), "has no shape"),
        (answering(200, b'{"model_version": "4"}'), "version 4 answered, but 3 is pinned"),
        (
            answering(200, json.dumps({"outputs": [_tensor("total", [1, 1], [1.0])]}).encode()),
            "output total has shape [1, 1] for 2 rows",
        ),
        (
            answering(200, json.dumps({"outputs": [_tensor("total", [2, 1], [1.0])]}).encode()),
            "output total has 1 elements for shape [2, 1]",
        ),
        (
            answering(
                200, json.dumps({"outputs": [_tensor("total", [2, 1], [float("nan"), None])]}).encode()
            ),
            "output total is ",
        ),
        (Server.truncate, "the server broke the call off"),
        (Server.die, "the server broke the call off"),
    ],
)
def test_an_http_answer_that_is_none_is_a_failure_with_its_reason(
    behave: Callable[[Server, Any], None], reason: str, load: Load
) -> None:
    with Server() as server:
        outputs = [{"name": "total"}]
        runtime = load(HTTP, url=server.url, model="sums", version="3", inputs=AB, outputs=outputs)
        server.behave = behave

        assert all(reason in each for each in _failures(runtime)), _failures(runtime)

        server.behave = None
        wait_until(lambda: runtime.predict(ROWS)[0] == {"total": 3.0}, SOON_S, "the next call is answered")


def _abort(code: grpc.StatusCode) -> Callable[[Any, grpc.ServicerContext], Any]:
    return lambda _, context: context.abort(code, "out of cheese")


@pytest.mark.parametrize(
    ("behave", "reason"),
    [
        (_abort(grpc.StatusCode.INVALID_ARGUMENT), "the server answered INVALID_ARGUMENT: out of cheese"),
        (_abort(grpc.StatusCode.INTERNAL), "the server answered INTERNAL: out of cheese"),
        (_abort(grpc.StatusCode.UNAVAILABLE), "out of cheese"),
        (lambda *_: 1 / 0, "the server answered UNKNOWN"),
        (lambda *_: ModelInferResponse(), "the server gave no output total, but nothing"),
        (lambda *_: ModelInferResponse(model_version="4"), "version 4 answered, but 3 is pinned"),
    ],
)
def test_a_grpc_answer_that_is_none_is_a_failure_with_its_reason(
    behave: Callable[..., Any], reason: str, load: Load
) -> None:
    with GrpcServer() as server:
        outputs = [{"name": "total"}]
        runtime = load(GRPC, url=server.url, model="sums", version="3", inputs=AB, outputs=outputs)
        server.behave = behave

        assert all(reason in each for each in _failures(runtime)), _failures(runtime)

        server.behave = None
        wait_until(lambda: runtime.predict(ROWS)[0] == {"total": 3.0}, SOON_S, "the next call is answered")


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ([b"\0" * 15, b"", b""], "the contents of an output are cut short"),
        ([b"\0" * 8, b"\0" * 16, b""], "output total has 1 elements for shape [2, 1]"),
        ([b"\0" * 16, b"\0" * 16, b"\xff\0\0\0a"], "the contents of an output are cut short"),
        ([b"\0" * 16], "the answer has 1 contents for 3 outputs"),
        ([b"\0\0\0\0\0\0\xf8\x7f" * 2, b"\0" * 16, b"\1\0\0\0a" * 2], "output total is number nan"),
    ],
)
def test_raw_contents_that_are_cut_or_no_numbers_are_failures(
    contents: list[bytes], reason: str, load: Load
) -> None:
    def change(answer: ModelInferResponse) -> None:
        del answer.raw_output_contents[:]
        answer.raw_output_contents.extend(contents)

    with GrpcServer(raw=True) as server:
        runtime = load(GRPC, url=server.url, model="sums", inputs=AB)
        server.change = change

        assert all(reason in each for each in _failures(runtime)), _failures(runtime)


@BOTH
def test_secrets_travel_in_headers_and_a_new_one_is_taken_up(kind: str, load: Load, tmp_path: Path) -> None:
    secret = tmp_path / "token"
    secret.write_text("one\n")
    with _server(kind) as server:
        headers = {"Authorization": {"file": "token", "prefix": "Bearer "}}
        options = RuntimeOptions(remote_secrets=tmp_path)
        runtime = load(kind, options, url=server.url, model="sums", inputs=AB, headers=headers)

        def sent() -> str:
            assert runtime.predict(ROWS) == ANSWERS
            found = server.headers if isinstance(server, Server) else server.metadata
            return found.get("Authorization") or found.get("authorization") or ""

        assert sent() == "Bearer one"
        secret.write_text("two\n")
        wait_until(lambda: sent() == "Bearer two", SOON_S, "the new secret is sent")


@BOTH
def test_a_server_with_a_certificate_is_asked_if_its_signer_is_trusted(
    kind: str, load: Load, tmp_path: Path
) -> None:
    write_certificate(tmp_path)
    with _server(kind, tls=tmp_path) as server:
        options = RuntimeOptions(remote_secrets=tmp_path)
        runtime = load(kind, options, url=server.url, model="sums", inputs=AB, ca_file="cert.pem")

        assert runtime.predict(ROWS) == ANSWERS
        with pytest.raises(ModelError, match="could not be reached"):
            load(kind, url=server.url, model="sums", inputs=AB)


@BOTH
def test_scores_of_a_server_that_hangs_leave_before_the_deadline(kind: str, load: Load) -> None:
    with _server(kind) as server:
        runtime = load(kind, url=server.url, model="sums", inputs=AB, timeout_ms=10_000)
        _hang(server)
        clock, shelf = SystemClock(), Shelf(("sums@1",))
        shelf.replace({"sums@1": ready_model("sums@1", runtime)})
        handler = ScoringHandler(shelf, ControlView(State()), clock=clock, service="model-container")
        now = clock.now()
        record = input_record(1, {"a": 1.0, "b": 2.0}, at=now, budget_us=1_000_000)

        handler.on_records([record], now)

        assert clock.now().mono - now.mono < 1_000_000
        assert handler.tally.statuses == {("sums@1", ScoreStatus.SCORE_STATUS_FAILED): 1}


def test_options_of_the_descriptor_change_the_timeout(load: Load) -> None:
    with Server() as server:
        runtime = load(HTTP, settings={"timeout_ms": "40"}, url=server.url, model="sums", inputs=AB)
        server.behave = Server.hang

        assert all(float(each.split()[-2]) <= 40.0 for each in _failures(runtime))


BATCHED = {
    "body": {"service": "sums", "data": {"$each": {"a": {"$field": "a"}, "b": {"$field": "b"}}}},
    "rows": "/body/predictions",
    "outputs": {"total": "/total", "label": "/classes/0/name"},
}


def _predictions(document: Any) -> Any:
    found = [
        {"total": row["a"] + row["b"], "classes": [{"name": "a" if row["a"] > row["b"] else "b"}]}
        for row in document["data"]
    ]
    return {"status": {"code": 200}, "body": {"predictions": found}}


def test_plain_json_takes_a_batch_by_a_template_and_outputs_by_pointers(load: Load) -> None:
    with Server() as server:
        server.change = _predictions
        runtime = load("json-http", url=f"{server.url}/predict", **BATCHED)

        assert runtime.predict(ROWS) == [{"total": 3.0, "label": "b"}, {"total": 9.5, "label": "a"}]
        assert server.posts == [{"service": "sums", "data": [dict(row) for row in ROWS]}]
        assert [each.name for each in runtime.metadata().inputs] == ["a", "b"]


def test_plain_json_is_ready_when_its_path_says_so(load: Load) -> None:
    with Server() as server:
        server.ready = False
        with pytest.raises(ModelError, match="/ready says that the model is not ready"):
            load("json-http", url=f"{server.url}/predict", ready_path="/ready", **BATCHED)

        server.ready = True
        runtime = load("json-http", url=f"{server.url}/predict", ready_path="/ready", **BATCHED)

        server.ready = False
        wait_until(lambda: not runtime.ready, SOON_S, "the model is not ready")


def test_plain_json_without_each_is_one_request_for_each_row(load: Load) -> None:
    with Server() as server:
        body = {"features": [{"$field": "a"}, {"$field": "b"}]}
        outputs = {"all": "/features", "b": "/features/1"}
        runtime = load("json-http", url=server.url, body=body, outputs=outputs, ready_path="/ready")

        first, second = runtime.predict(ROWS)

        assert first == {"all": Tensor(shape=[2], numbers=[1.0, 2.0]), "b": 2.0}
        assert second == {"all": Tensor(shape=[2], numbers=[5.0, 4.5]), "b": 4.5}
        assert len(server.posts) == 2


@pytest.mark.parametrize(
    ("answer", "reasons"),
    [
        ([], ["rows: there is nothing at /body in the server's answer"] * 2),
        ({"body": {"predictions": 1}}, ["rows: /body/predictions in the server's answer is not a list"] * 2),
        ({"body": {"predictions": [1]}}, ["rows: the server's answer has 1 for 2 rows"] * 2),
        (
            {"body": {"predictions": [{}, {"total": 1, "classes": []}]}},
            [
                "outputs: there is nothing at /total in the row's part",
                "outputs: there is nothing at /classes/0 in the row's part",
            ],
        ),
        (
            {"body": {"predictions": [{"total": None}, {"total": float("inf")}]}},
            ["output total is nothing, not a number", "output total is number inf: not a finite number"],
        ),
        (
            {"body": {"predictions": [{"total": {}}, {"total": [[1], [1, 2]]}]}},
            ["output total is a dict, not a number", "output total is a list of lists that are not alike"],
        ),
    ],
)
def test_a_json_answer_of_another_form_is_a_failure_of_the_rows_concerned(
    answer: Any, reasons: list[str], load: Load
) -> None:
    with Server() as server:
        runtime = load("json-http", url=server.url, **BATCHED)
        server.change = lambda _: answer

        found = _failures(runtime)

        assert all(reason in each for reason, each in zip(reasons, found, strict=True)), found


def test_a_number_that_json_does_not_have_is_not_sent(load: Load) -> None:
    with Server() as server:
        runtime = load("json-http", url=server.url, **BATCHED)

        (reason,) = _failures(runtime, [{"a": float("nan"), "b": 1.0}])

        assert "cannot be sent as JSON" in reason
        assert server.posts == []
