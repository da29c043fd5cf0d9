"""The local stack with every real service, and `rendezvous up` and `rendezvous down`."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import psutil
import pytest
from rendezvous_contracts.topics import TOPICS
from rendezvous_local.errors import LocalError, PortInUseError
from rendezvous_local.ports import free_port
from rendezvous_local.probe import get
from rendezvous_local.settings import LocalSettings
from rendezvous_local.stack import LocalStack

from tests.support.broker import consume_all
from tests.support.pmml import regression
from tests.support.polling import wait_until

SERVICES = ("feature-extractor", "rendezvous", "decoy", "operator", "gateway")
POLICY = """\
model: wine-half@1
type: pmml
artifact: {path: half.pmml}
inputs: {alcohol: number}
outputs: {quality: number}
---
route: wine
sla: 10s
schedule:
  - use: wine-half@1
default: {quality: 0.0}
"""
DEPLOYMENT = """\
---
deployment: half
model: wine-half@1
replicas: 1
options: {jvm_heap_mb: "64"}
"""
COMMAND = str(Path(sys.executable).with_name("rendezvous"))


def _settings(data_dir: Path) -> LocalSettings:
    return LocalSettings(data_dir=data_dir, kafka_port=0, gateway_port=0, partitions=2, kafka_heap="256m")


def _environment(data_dir: Path, **more: str) -> Mapping[str, str]:
    given = {"DATA_DIR": str(data_dir), "KAFKA_PORT": "0", "GATEWAY_PORT": "0", **more}
    return {
        **os.environ,
        "COLUMNS": "200",
        **{f"RENDEZVOUS_LOCAL_{key}": value for key, value in given.items()},
    }


@contextmanager
def _up(data_dir: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    argv = [COMMAND, "up", *arguments]
    environment = _environment(data_dir)
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.terminate()


def _run(data_dir: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    argv = [COMMAND, *arguments]
    environment = _environment(data_dir, **more)
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=90, check=False)


@pytest.mark.kafka
def test_every_service_is_ready_and_a_killed_one_comes_back(tmp_path: Path) -> None:
    with LocalStack(_settings(tmp_path)) as stack:
        assert {process.name for process in stack.status()} == {"kafka", *SERVICES}
        for name in SERVICES:
            ready = get(f"{stack.web_url(name)}/health/ready")
            assert ready is not None
            assert ready.status == 200, name
        assert all(consume_all(stack.bootstrap_servers, spec.name) is not None for spec in TOPICS)
        stack.kill("rendezvous")
        wait_until(lambda: _restarts(stack, "rendezvous") == 1, 5, "it comes back")
        stack.wait_ready(["rendezvous"], 30)
        with pytest.raises(LocalError, match="no service typo; there are: feature-extractor"):
            stack.url("typo")


def _restarts(stack: LocalStack, name: str) -> int:
    return next(process.restarts for process in stack.status() if process.name == name)


@pytest.mark.kafka
@pytest.mark.parametrize("end", ["down", "Ctrl-C"])
def test_up_stays_until_it_is_ended_and_leaves_no_process(tmp_path: Path, end: str) -> None:
    with _up(tmp_path) as (process, output):
        assert "http://127.0.0.1:" in _said_until_up(output)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) == 1 + len(SERVICES)

        second = _run(tmp_path, "up")
        assert second.returncode == 1
        assert f"pid {process.pid} already runs a stack on {tmp_path}" in second.stderr

        if end == "down":
            assert "Ended the stack" in _run(tmp_path, "down").stdout
        else:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert not any(child.is_running() for child in children)
    assert "Nothing runs" in _run(tmp_path, "down").stdout


def _said_until_up(output: IO[str]) -> str:
    said = []
    for line in output:
        said.append(line)
        if "Everything is up" in line:
            return "".join(said)
    raise AssertionError(f"it ended, saying: {''.join(said)}")


@pytest.mark.kafka
def test_up_applies_files_and_starts_models_so_that_a_request_is_answered(tmp_path: Path) -> None:
    (tmp_path / "half.pmml").write_bytes(regression({"alcohol": 0.5}))
    policy = tmp_path / "wine.yaml"
    policy.write_text(POLICY)
    with _up(tmp_path / "data", "--file", str(policy), "--model", "wine-half@1") as (process, output):
        said = _said_until_up(output)
        gateway = re.search(r"send requests to.*http://(127.0.0.1:\d+)", said)
        assert gateway, said
        connection = http.client.HTTPConnection(gateway[1], timeout=20)
        connection.request("POST", "/v1/routes/wine/ask", json.dumps({"fields": {"alcohol": 9.0}}))
        response = connection.getresponse()
        body = response.read().decode()
        connection.close()
        process.terminate()
        assert process.wait(60) == 0
    assert response.status == 200, body
    assert json.loads(body)["outputs"] == {"quality": 4.5}


@pytest.mark.kafka
def test_a_deployment_that_is_applied_runs_and_ends_with_the_stack(tmp_path: Path) -> None:
    (tmp_path / "half.pmml").write_bytes(regression({"alcohol": 0.5}))
    policy = tmp_path / "wine.yaml"
    policy.write_text(POLICY + DEPLOYMENT)
    with _up(tmp_path / "data", "--file", str(policy)) as (process, output):
        found = re.search(r"Kafka.*(127.0.0.1:\d+)", _said_until_up(output))
        assert found
        kafka = found[1]
        wait_until(lambda: _deployed(tmp_path, kafka) == ["ready"], 60, "it is ready", every_s=0.5)
        children = psutil.Process(process.pid).children(recursive=True)
        assert any("rendezvous_model_container" in child.cmdline() for child in children)
        process.terminate()
        assert process.wait(60) == 0
    assert not any(child.is_running() for child in children)


def _deployed(data_dir: Path, kafka: str) -> list[str]:
    said = _run(data_dir, "get", "deployments", "--bootstrap-servers", kafka, "--output", "json")
    return [row["state"] for row in json.loads(said.stdout)]


def test_up_refuses_a_bad_file_and_ends(tmp_path: Path) -> None:
    policy = tmp_path / "wine.yaml"
    policy.write_text("route: wine\nsla: soon\n")
    result = _run(tmp_path, "up", "--file", str(policy))
    assert result.returncode == 1
    assert "wine.yaml" in result.stderr
    assert "soon" in result.stderr


@pytest.mark.kafka
def test_nothing_outlives_an_up_that_is_killed(tmp_path: Path) -> None:
    with _up(tmp_path) as (process, _):
        wait_until(lambda: psutil.Process(process.pid).children(), 30, "the broker has started")
        children = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


@pytest.mark.kafka
@pytest.mark.parametrize("setting", ["KAFKA_PORT", "GATEWAY_PORT"])
def test_a_port_in_use_is_named_with_its_setting(tmp_path: Path, setting: str) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        result = _run(tmp_path, "up", **{setting: str(port)})
    assert result.returncode == 1
    assert f"port {port}" in result.stderr
    assert f"RENDEZVOUS_LOCAL_{setting}" in result.stderr


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("KAFKA_PORT", "many", "RENDEZVOUS_LOCAL_KAFKA_PORT: Input should be a valid integer"),
        (
            "GATEWAY_PORT",
            "70000",
            "RENDEZVOUS_LOCAL_GATEWAY_PORT: Input should be less than or equal to 65535",
        ),
        ("PARTITIONS", "0", "RENDEZVOUS_LOCAL_PARTITIONS: Input should be greater than or equal to 1"),
    ],
)
def test_a_bad_setting_is_refused_by_its_name(tmp_path: Path, setting: str, value: str, says: str) -> None:
    result = _run(tmp_path, "up", **{setting: value})
    assert result.returncode == 1
    assert says in result.stderr


def test_a_taken_port_leaves_the_data_directory_free(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        settings = _settings(tmp_path).model_copy(update={"gateway_port": port})
        for _ in range(2):  # the second attempt meets the port again, not its own lock
            with pytest.raises(PortInUseError, match="GATEWAY_PORT"):
                LocalStack(settings).start()
