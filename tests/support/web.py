"""A web server that gives, redirects, stalls and breaks off as a test says."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """One request; *server* is a WebServer."""

    server: "WebServer"  # answers in HTTP/1.0: no connection, and so no thread, outlives its answer

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _answer(self) -> None:
        self.server.asked.append(self.path)
        route = self.server.routes.get(self.path.partition("?")[0])
        if route is None:
            self.send_error(404)
        else:
            route(self)

    def give(self, data: bytes, *, status: int = 200, length: int | None = None, **headers: str) -> None:
        """Send *data*, and that it has *length* bytes."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's
        """Say nothing."""


Route = Callable[[Handler], None]


class WebServer(ThreadingHTTPServer):
    """Answers on a port of the loopback; *asked* are the paths, in order."""

    daemon_threads = False
    block_on_close = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes: dict[str, Route] = {}
        self.asked: list[str] = []
        self.ending = threading.Event()

    @property
    def origin(self) -> str:
        """Where it is, by its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that break off belong to the tests."""


@contextmanager
def web_server() -> Iterator[WebServer]:
    """Yield a server that runs until the block ends."""
    server = WebServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), name="web-server")
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()
        thread.join()
