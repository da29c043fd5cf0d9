"""The health check of a container."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from rendezvous_runtime import probe

_BODY = b'{"ready": false, "waiting_for": "wine@1: loading"}'


@contextmanager
def service(status: int) -> Iterator[int]:
    """Serve *status* on /health/ready, 404 elsewhere; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health/ready" else 404)
            self.end_headers()
            self.wfile.write(_BODY)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def probed(monkeypatch: pytest.MonkeyPatch, port: int | str) -> int:
    monkeypatch.setenv("RENDEZVOUS_WEB_PORT", str(port))
    monkeypatch.setenv("RENDEZVOUS_WEB_HOST", "0.0.0.0")  # noqa: S104  # what a container is told
    return probe.main()


def test_a_ready_service_is_healthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(200) as port:
        assert probed(monkeypatch, port) == 0
    assert capsys.readouterr().err == ""


def test_one_that_is_not_ready_says_what_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with service(503) as port:
        assert probed(monkeypatch, port) == 1
    assert "wine@1: loading" in capsys.readouterr().err


def test_nobody_there_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with service(200) as port:
        pass
    assert probed(monkeypatch, port) == 1
    assert f"no service answers on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["", "http", "0", "65536", "-1", "²"])
def test_a_port_that_is_none_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], port: str
) -> None:
    assert probed(monkeypatch, port) == 1
    assert "set it to the port to ask" in capsys.readouterr().err
