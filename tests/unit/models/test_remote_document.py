import json
from pathlib import Path

import pytest
from rendezvous_models.contract import Row, RuntimeOptions
from rendezvous_models.errors import BadModelError, RuntimeUnavailableError
from rendezvous_models.recognise import of_document
from rendezvous_models.runtimes.remote_access import check_host, config_path, read_headers, read_secret
from rendezvous_models.runtimes.remote_circuit import Circuit
from rendezvous_models.runtimes.remote_document import (
    GrpcDocument,
    JsonDocument,
    OpenInferenceHttpDocument,
    RemoteDocument,
    TensorFlowServingDocument,
    read_document,
)
from rendezvous_models.runtimes.remote_template import MissingFieldError
from scoring.v1.value_pb2 import Tensor

TRITON: dict[str, object] = {"url": "http://triton:8000", "model": "wine"}
TRITON_GRPC: dict[str, object] = {"url": "grpc://triton:8001", "model": "wine"}
SERVING: dict[str, object] = {"url": "grpc://serving:8500", "model": "wine", "version": "3"}
DEPLOY = {"base_path": "/models/wine", "config_file": "models.config"}
JSON: dict[str, object] = {
    "url": "http://dd:8080/predict",
    "body": {"service": "wine", "data": {"$each": {"alcohol": {"$field": "alcohol"}}}},
    "rows": "/body/predictions",
    "outputs": {"quality": "/classes/0/prob"},
}


def _read(kind: type[RemoteDocument], document: object, **options: str) -> RemoteDocument:
    return read_document(kind, json.dumps(document).encode(), options)


def test_a_document_with_what_is_needed_is_read_and_the_rest_has_defaults() -> None:
    document = read_document(OpenInferenceHttpDocument, json.dumps(TRITON).encode(), {})

    assert (document.url, document.model, document.version) == ("http://triton:8000", "wine", "")
    assert (document.timeout_ms, document.probe_ms, document.max_batch) == (1_000, 2_000, None)
    assert document.batched


@pytest.mark.parametrize(
    ("kind", "document", "reason"),
    [
        (OpenInferenceHttpDocument, {"url": "http://triton"}, "model: Field required"),
        (OpenInferenceHttpDocument, TRITON | {"modle": "x"}, "modle: Extra inputs are not permitted"),
        (OpenInferenceHttpDocument, TRITON | {"url": "ftp://triton"}, "url: ftp is not one of http, https"),
        (
            OpenInferenceHttpDocument,
            TRITON | {"url": "http://u:p@triton"},
            "url: a user or a password must not",
        ),
        (OpenInferenceHttpDocument, TRITON | {"url": "http://triton/?k=1"}, "it can have no query"),
        (OpenInferenceHttpDocument, TRITON | {"url": "http://"}, "url: expected scheme://host"),
        (OpenInferenceHttpDocument, TRITON | {"url": "http://triton:99999"}, "Port out of range"),
        (OpenInferenceHttpDocument, TRITON | {"model": "../x"}, "model: String should match"),
        (OpenInferenceHttpDocument, TRITON | {"timeout_ms": 0}, "timeout_ms: Input should be greater"),
        (
            OpenInferenceHttpDocument,
            TRITON | {"timeout_ms": "5"},
            "timeout_ms: Input should be a valid integer",
        ),
        (OpenInferenceHttpDocument, TRITON | {"inputs": []}, "inputs: Tuple should have at least 1"),
        (
            OpenInferenceHttpDocument,
            TRITON | {"inputs": [{"name": "x", "fields": [1]}]},
            "inputs.0.fields.0:",
        ),
        (OpenInferenceHttpDocument, TRITON | {"inputs": [{"name": "x", "shape": [-2]}]}, "inputs.0.shape.0:"),
        (
            OpenInferenceHttpDocument,
            TRITON | {"inputs": [{"name": "x"}, {"name": "x"}]},
            "inputs: x stands there more than once",
        ),
        (
            OpenInferenceHttpDocument,
            TRITON | {"outputs": [{"name": "x"}, {"name": "y", "fields": ["x"]}]},
            "outputs.fields: x stands there more than once",
        ),
        (GrpcDocument, TRITON, "url: http is not one of grpc, grpcs"),
        (GrpcDocument, TRITON_GRPC | {"url": "grpc://triton"}, "url: expected grpc://host:port"),
        (TensorFlowServingDocument, SERVING | {"version": "v3"}, "version: String should match"),
        (
            TensorFlowServingDocument,
            {"url": "grpc://a:1", "model": "m", "deploy": DEPLOY},
            "deploy: what is to be deployed needs a version",
        ),
        (
            TensorFlowServingDocument,
            SERVING | {"deploy": DEPLOY | {"config_file": "../etc/passwd"}},
            "deploy.config_file: String should match",
        ),
        (JsonDocument, JSON | {"method": "DELETE"}, "method: String should match"),
        (JsonDocument, JSON | {"outputs": {}}, "outputs: "),
        (
            JsonDocument,
            JSON | {"outputs": {"quality": "classes"}},
            "outputs.quality: expected a JSON Pointer",
        ),
        (JsonDocument, JSON | {"rows": 3}, "rows: expected a JSON Pointer"),
        (JsonDocument, JSON | {"body": {"a": 1}}, "body: no $field or $base64 stands there"),
        (JsonDocument, JSON | {"body": {"a": {"$feild": "x"}}}, "body: /a: a $ word stands alone"),
        (JsonDocument, JSON | {"body": {"a": {"$field": "x", "b": 1}}}, "body: /a: a $ word stands alone"),
        (JsonDocument, JSON | {"body": {"$field": 1}}, "body: /$field: expected the name of a field"),
        (
            JsonDocument,
            JSON | {"body": {"a": {"$field": "x"}, "b": {"$each": {"$field": "x"}}}},
            "body: a $field or $base64 stands outside of $each",
        ),
        (
            JsonDocument,
            JSON | {"body": {"$each": {"a": {"$each": {"$field": "y"}}}}},
            "$each stands within $each",
        ),
        (
            JsonDocument,
            JSON | {"body": [{"$each": {"$field": "x"}}, {"$each": {"$field": "x"}}]},
            "$each stands there more than once",
        ),
    ],
)
def test_what_is_wrong_with_a_document_is_said_with_its_key(
    kind: type[RemoteDocument], document: object, reason: str
) -> None:
    with pytest.raises(BadModelError) as refused:
        _read(kind, document)

    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b'{"url": "http://a", "url": "http://b"}', "has a key twice"),
        (b'{"timeout_ms": NaN}', "NaN is not a number"),
        (b"[" * 100_000, "is not JSON"),
        (b" " * (2 << 20), "at most 1048576"),
    ],
)
def test_what_is_no_document_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(BadModelError, match=reason):
        read_document(OpenInferenceHttpDocument, data, {})


def test_a_secret_in_the_document_is_refused_and_not_repeated() -> None:
    with pytest.raises(BadModelError) as refused:
        _read(OpenInferenceHttpDocument, TRITON | {"headers": {"Authorization": {"value": "Bearer abc"}}})

    assert "headers.Authorization: a secret must not stand in the control log" in str(refused.value)
    assert "abc" not in str(refused.value)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"env": "HOME"},
        {"env": "RENDEZVOUS_SECRET_A", "file": "a"},
        {"file": "../a"},
        {"file": "/etc/passwd"},
    ],
)
def test_a_header_takes_its_value_from_one_place_that_is_for_secrets(header: object) -> None:
    with pytest.raises(BadModelError, match=r"headers\.Authorization"):
        _read(OpenInferenceHttpDocument, TRITON | {"headers": {"Authorization": header}})


def test_options_change_times_and_sizes_only() -> None:
    document = _read(OpenInferenceHttpDocument, TRITON, timeout_ms="50", max_batch="8")

    assert (document.timeout_ms, document.max_batch) == (50, 8)
    for name in ("url", "headers", "ca_file", "model"):
        with pytest.raises(BadModelError, match=f"options.{name}: a remote model has only"):
            _read(OpenInferenceHttpDocument, TRITON, **{name: "x"})
    with pytest.raises(BadModelError, match=r"options.timeout_ms: 'soon' is not a whole number"):
        _read(OpenInferenceHttpDocument, TRITON, timeout_ms="soon")


ALLOWED = ("triton", "*.models.svc", "10.1.0.0/16", "serving:8500", "[fd00::7]:8001")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:1/x",
        "http://127.0.0.1",
        "http://127.8.8.8:9",
        "grpc://[::1]:5",
        "http://Triton:8000",
        "http://triton.:8000",
        "https://a.models.svc",
        "grpc://10.1.255.1:1",
        "grpc://serving:8500",
        "grpc://[fd00::7]:8001",
    ],
)
def test_the_loopback_and_the_hosts_that_the_operator_lists_may_be_asked(url: str) -> None:
    check_host(url, ALLOWED)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "http://example.com",
        "http://triton.evil.com",
        "http://models.svc",
        "http://evilmodels.svc",
        "http://10.2.0.1",
        "grpc://serving:8501",
        "grpc://[fd00::7]:8002",
        "http://0.0.0.0",
        "http://127.0.0.1.evil.com",
        "http://2130706433",
        "http://[::ffff:169.254.169.254]",
    ],
)
def test_any_other_host_is_refused_and_the_setting_is_named(url: str) -> None:
    with pytest.raises(BadModelError, match=r"url: .* is not a host .* by the setting remote_hosts"):
        check_host(url, ALLOWED)


def test_headers_come_from_variables_and_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("s3cret\n")
    monkeypatch.setenv("RENDEZVOUS_SECRET_KEY", "k")
    headers = {
        "Authorization": {"file": "token", "prefix": "Bearer "},
        "X-Key": {"env": "RENDEZVOUS_SECRET_KEY"},
        "X-Tenant": {"value": "wine"},
    }
    document = _read(OpenInferenceHttpDocument, TRITON | {"headers": headers})

    found = read_headers(document, RuntimeOptions(remote_secrets=tmp_path))

    assert found == {"Authorization": "Bearer s3cret", "X-Key": "k", "X-Tenant": "wine"}


@pytest.mark.parametrize(
    ("header", "folder", "reason"),
    [
        ({"env": "RENDEZVOUS_SECRET_NONE"}, True, "RENDEZVOUS_SECRET_NONE is not set"),
        ({"file": "none"}, True, "the secret none cannot be read"),
        ({"file": "token"}, False, "set remote_secrets"),
        ({"file": "split"}, True, "characters that no header can have"),
    ],
)
def test_a_secret_that_is_not_here_is_named(
    header: object, folder: bool, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "split").write_text("a\r\nX-Other: b")
    document = _read(OpenInferenceHttpDocument, TRITON | {"headers": {"X-A": header}})

    with pytest.raises(RuntimeUnavailableError, match=f"headers.X-A: .*{reason}"):
        read_headers(document, RuntimeOptions(remote_secrets=tmp_path if folder else None))


def test_files_lie_in_the_folder_that_the_operator_gives(tmp_path: Path) -> None:
    options = RuntimeOptions(remote_secrets=tmp_path, remote_configs=tmp_path)
    (tmp_path / "ca.pem").write_bytes(b"pem")

    assert read_secret("ca_file", "ca.pem", options) == b"pem"
    assert config_path("deploy.config_file", "models.config", options) == tmp_path / "models.config"


def test_the_circuit_opens_after_three_failures_and_lets_one_try_after_each_pause() -> None:
    circuit = Circuit()
    for now in (0, 1, 2):
        assert circuit.allows(now)
        circuit.failed(now, "slow", reached=True)

    assert [circuit.allows(now) for now in (3, 1_000_001)] == [False, False]
    assert circuit.wait_us(3) == 999_999
    assert [circuit.allows(1_000_002), circuit.allows(1_000_003)] == [True, False]
    circuit.failed(1_000_010, "slow", reached=True)
    assert [circuit.allows(now) for now in (2_000_010, 3_000_009, 3_000_010)] == [False, False, True]
    circuit.succeeded()
    assert circuit.allows(3_000_011)
    circuit.failed(3_000_012, "slow", reached=True)
    assert circuit.allows(3_000_013)


def test_the_circuit_opens_at_once_for_a_server_that_is_not_there_and_a_probe_shortens_the_pause() -> None:
    circuit = Circuit()
    circuit.failed(0, "refused", reached=False)

    assert not circuit.allows(10)
    circuit.probed(20)
    assert circuit.allows(21)


def test_a_probe_is_not_believed_where_calls_are_not_answered() -> None:
    circuit = Circuit()
    for now in range(3):
        circuit.failed(now, "slow", reached=True)

    circuit.probed(20)

    assert not circuit.allows(21)


def test_a_call_that_had_too_little_time_counts_for_little() -> None:
    circuit = Circuit()
    for now in range(11):
        circuit.failed(now, "slow", reached=True, hasty=True)

    assert circuit.allows(11)
    circuit.failed(11, "slow", reached=True, hasty=True)
    assert not circuit.allows(12)


def test_the_pause_is_never_longer_than_half_a_minute() -> None:
    circuit = Circuit()
    for now in range(20):
        circuit.failed(now, "slow", reached=True)

    assert circuit.wait_us(19) == 30_000_000


def test_a_template_takes_one_row_or_many() -> None:
    one = read_document(JsonDocument, json.dumps(JSON | {"body": {"x": {"$field": "alcohol"}}}).encode(), {})
    many = read_document(JsonDocument, json.dumps(JSON).encode(), {})
    rows: list[Row] = [{"alcohol": 9.5}, {"alcohol": None}]

    assert one.body.body([one.body.row(rows[0])]) == {"x": 9.5}
    assert many.body.body([many.body.row(row) for row in rows]) == {
        "service": "wine",
        "data": [{"alcohol": 9.5}, {"alcohol": None}],
    }


def test_a_template_takes_tensors_and_bytes() -> None:
    body = {"x": {"$field": "x"}, "photo": {"$base64": "photo"}}
    template = read_document(JsonDocument, json.dumps(JSON | {"body": body}).encode(), {}).body
    x = Tensor(shape=[2, 2], numbers=[1, 2, 3, 4])

    assert template.row({"x": x, "photo": b"abc"}) == {"x": [[1, 2], [3, 4]], "photo": "YWJj"}
    for row in ({"x": x, "photo": "abc"}, {"x": b"abc", "photo": b""}):
        with pytest.raises(MissingFieldError):
            template.row(row)  # type: ignore[arg-type]


def test_a_pointer_leads_through_objects_and_lists() -> None:
    document = read_document(JsonDocument, json.dumps(JSON | {"rows": "/a~1b/1/~0c"}).encode(), {})

    assert document.rows.find({"a/b": [0, {"~c": 5}]}) == 5
    with pytest.raises(LookupError, match="there is nothing at /a/b/1"):
        document.rows.find({"a/b": [0]})


KINDS: dict[str, type[RemoteDocument]] = {
    "json-http": JsonDocument,
    "open-inference-http": OpenInferenceHttpDocument,
    "tensorflow-serving": TensorFlowServingDocument,
}


@pytest.mark.parametrize("page", ["remote", "tensorflow-serving"])
def test_the_documents_that_the_pages_show_are_read_and_recognised(page: str) -> None:
    text = (Path(__file__).parents[3] / "docs" / "models" / f"{page}.md").read_text()
    shown = [part.partition("```")[0] for part in text.split("```json\n")[1:]]

    assert len(shown) == 3
    for document in shown:
        read_document(KINDS[of_document(document.encode())], document.encode(), {})
