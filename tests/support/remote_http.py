"""A real HTTP server in a thread: the Open Inference protocol and plain JSON, well-behaved or not."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

from tests.support.certificates import server_context

_LONGEST_HANG_S = 20.0
# The model: total = a + b of "x", parts = x, label = the greater one's name.
METADATA = {
    "name": "sums",
    "versions": ["3"],
    "platform": "test",
    "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 2]}],
    "outputs": [
        {"name": "total", "datatype": "FP64", "shape": [-1, 1]},
        {"name": "parts", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
    ],
}


def infer(document: dict[str, Any]) -> dict[str, Any]:
    """The protocol's answer to the request *document*."""
    (x,) = document["inputs"]
    rows = [x["data"][start : start + 2] for start in range(0, len(x["data"]), 2)]
    assert (x["name"], x["datatype"], x["shape"]) == ("x", "FP32", [len(rows), 2])
    outputs = [
        _tensor("total", "FP64", [len(rows), 1], [a + b for a, b in rows]),
        _tensor("parts", "FP32", [len(rows), 2], rows),
        _tensor("label", "BYTES", [len(rows)], ["a" if a > b else "b" for a, b in rows]),
    ]
    wanted = {each["name"] for each in document.get("outputs", [])}
    return {
        "model_name": "sums",
        "model_version": "3",
        "outputs": [each for each in outputs if each["name"] in wanted],
    }


def _tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


class Server:
    """
    Listens on *port* (0: any) from start to stop, with the certificate in the folder *tls* if there is one.

    *change* is applied to every inference's answer; *behave*, where given, takes over a POST as a whole.
    *posts* are the bodies, *headers* those of the last request, *connections* how many were made.
    """

    def __init__(self, port: int = 0, *, tls: Path | None = None) -> None:
        self._tls = tls
        self.port = port
        self.ready = True
        self.change: Callable[[Any], Any] = lambda answer: answer
        self.behave: Callable[[Self, Handler], None] | None = None
        self.posts: list[Any] = []
        self.headers: dict[str, str] = {}
        self.connections = 0
        self.released = threading.Event()

    def __enter__(self) -> Self:
        self._http = _Listener(("127.0.0.1", self.port), Handler)
        self._http.owner = self
        self.port = self._http.server_address[1]
        if self._tls is not None:
            self._http.socket = server_context(self._tls).wrap_socket(self._http.socket, server_side=True)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End it and all its connections; a second time does nothing."""
        self.released.set()
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
            self._http.end()

    def drop_connections(self) -> None:
        """Close what is open, as a server does with connections that are idle for long."""
        self._http.end_connections()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def hang(self, _: "Handler") -> None:
        """Never answer."""
        self.released.wait(_LONGEST_HANG_S)

    def drip(self, handler: "Handler") -> None:
        """Answer one byte at a time, without an end."""
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        while not self.released.wait(0.005):
            handler.wfile.write(b" ")

    def truncate(self, handler: "Handler") -> None:
        """Break off within the answer."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"outputs": [')
        self.die(handler)

    def die(self, handler: "Handler") -> None:
        """Close the connection."""
        handler.close_connection = True
        handler.connection.shutdown(socket.SHUT_RDWR)


def answering(status: int, body: bytes, **headers: str) -> Callable[[Server, "Handler"], None]:
    """A server that says this to every POST."""

    def behave(_: Server, handler: Handler) -> None:
        handler.answer(status, body, **headers)

    return behave


class _Listener(ThreadingHTTPServer):
    owner: Server

    def __init__(self, *args: Any) -> None:
        self.open: set[socket.socket] = set()
        super().__init__(*args)

    def end(self) -> None:
        self.end_connections()
        self.server_close()

    def end_connections(self) -> None:
        for each in list(self.open):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.open.add(connection)
        self.owner.connections += 1
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """What a client that went away leaves behind is no matter."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def do_GET(self) -> None:
        owner = self.server.owner
        owner.headers = dict(self.headers)
        if self.path.endswith("/ready"):
            self.answer(200 if owner.ready else 503, b"")
        elif self.path.startswith("/v2/models/sums"):
            self.answer(200, json.dumps(METADATA).encode())
        else:
            self.answer(404, b'{"error": "no such thing"}')

    def do_POST(self) -> None:
        owner = self.server.owner
        owner.headers = dict(self.headers)
        owner.posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if owner.behave is not None:
            owner.behave(owner, self)
            return
        answer = infer(owner.posts[-1]) if "/infer" in self.path else owner.posts[-1]
        self.answer(200, json.dumps(owner.change(answer)).encode())

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""
