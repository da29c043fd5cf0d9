"""Artifacts over the network: a real web server and an object store's protocol, well and badly behaved."""

import asyncio
import io
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from fsspec.asyn import get_loop, sync  # type: ignore[import-untyped]
from rendezvous_control.fold import apply
from rendezvous_control.state import State
from rendezvous_models.addresses import Guard
from rendezvous_models.artifacts import ArtifactRules, ArtifactStore
from rendezvous_models.contract import RuntimeOptions, create_runtime
from rendezvous_models.errors import ArtifactRefusedError, ArtifactUnavailableError
from rendezvous_models.lifecycle import Phase
from rendezvous_models.loader import Loader
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.testing import VirtualClock
from scoring.v1.control_pb2 import Artifact, Control, Model

from tests.support.control import control, model
from tests.support.pmml import regression
from tests.support.web import Handler, Route, WebServer, web_server

DATA = b"0123456789" * 20_000


@pytest.fixture
def web() -> Iterator[WebServer]:
    with web_server() as server:
        server.routes["/m"] = lambda request: request.give(DATA)
        yield server


def at(location: str, data: bytes = DATA) -> Artifact:
    return Artifact(location=location, sha256=sha256(data).digest(), size=len(data))


def store(
    folder: Path, *origins: str, networks: tuple[str, ...] = ("127.0.0.0/8",), **rules: float
) -> ArtifactStore:
    return ArtifactStore(
        folder / "private",
        ArtifactRules(guard=Guard(origins, networks), **rules),  # type: ignore[arg-type]
    )


def test_an_artifact_is_downloaded_verified_and_kept(tmp_path: Path, web: WebServer) -> None:
    artifacts = store(tmp_path, web.origin)

    first = artifacts.fetch(at(f"{web.origin}/m?version=3"))
    second = artifacts.fetch(at(f"{web.origin}/m?version=3"))

    assert first == second
    assert first.read_bytes() == DATA
    assert web.asked == ["/m?version=3"]


def test_an_archive_is_downloaded_and_unpacked(tmp_path: Path, web: WebServer) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as container:
        container.writestr("1/saved_model.pb", DATA)
    web.routes["/a.zip"] = lambda request: request.give(target.getvalue())

    folder = store(tmp_path, web.origin).unpack(at(f"{web.origin}/a.zip", target.getvalue()))

    assert (folder / "saved_model.pb").read_bytes() == DATA


def test_the_loopback_is_refused_unless_its_network_is_allowed(tmp_path: Path, web: WebServer) -> None:
    with pytest.raises(ArtifactRefusedError, match=r"127\.0\.0\.1, which is not a public address"):
        store(tmp_path, web.origin, networks=()).fetch(at(f"{web.origin}/m"))
    assert web.asked == []


def test_a_name_that_leads_to_a_refused_address_is_not_connected_to(tmp_path: Path, web: WebServer) -> None:
    origin = f"http://localhost:{web.server_port}"

    with pytest.raises(ArtifactRefusedError, match="host localhost leads to"):
        store(tmp_path, origin, networks=()).fetch(at(f"{origin}/m"))
    assert web.asked == []


def test_a_name_is_connected_to_at_the_address_that_was_checked(tmp_path: Path, web: WebServer) -> None:
    origin = f"http://localhost:{web.server_port}"

    copy = store(tmp_path, origin, networks=("127.0.0.0/8", "::1/128")).fetch(at(f"{origin}/m"))

    assert copy.read_bytes() == DATA


def redirect(target: str) -> Route:
    return lambda request: request.give(b"", status=302, Location=target)


def test_a_redirect_within_what_is_allowed_is_followed(tmp_path: Path, web: WebServer) -> None:
    web.routes["/old"] = redirect("/older/../m")
    web.routes["/older"] = redirect(f"{web.origin}/old")

    copy = store(tmp_path, web.origin).fetch(at(f"{web.origin}/older"))

    assert copy.read_bytes() == DATA
    assert web.asked == ["/older", "/old", "/m"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("http://169.254.169.254/latest/meta-data", "not an allowed origin"),
        ("http://metadata.example/latest", "not an allowed origin"),
        ("file:///etc/passwd", "kind that is not read"),
        ("http://[::1]:{port}/m", "not a public address"),
        ("http://user@localhost:{port}/m", "no place for credentials"),
        ("", "redirected more than 5 times"),
    ],
)
def test_a_redirect_is_held_against_the_same_rules(
    tmp_path: Path, web: WebServer, target: str, reason: str
) -> None:
    web.routes["/evil"] = redirect(target.format(port=web.server_port))
    allowed = (web.origin, f"http://[::1]:{web.server_port}")

    with pytest.raises(ArtifactRefusedError, match=reason):
        store(tmp_path, *allowed).fetch(at(f"{web.origin}/evil"))
    assert "/m" not in web.asked


@pytest.mark.parametrize(
    ("status", "passing"), [(500, True), (503, True), (429, True), (404, True), (403, False), (410, False)]
)
def test_what_a_server_refuses_is_said_and_tried_again_where_it_can_pass(
    tmp_path: Path, web: WebServer, status: int, *, passing: bool
) -> None:
    web.routes["/no"] = lambda request: request.give(b"", status=status)

    with pytest.raises((ArtifactRefusedError, ArtifactUnavailableError), match=f"says {status}") as error:
        store(tmp_path, web.origin).fetch(at(f"{web.origin}/no?signature=secret"))
    assert error.value.passing is passing
    assert "secret" not in str(error.value)


def test_a_download_that_breaks_off_may_be_tried_again_and_leaves_nothing(
    tmp_path: Path, web: WebServer
) -> None:
    web.routes["/cut"] = lambda request: request.give(DATA[:1_000], length=len(DATA))

    with pytest.raises(ArtifactUnavailableError):
        store(tmp_path, web.origin).fetch(at(f"{web.origin}/cut"))
    assert list((tmp_path / "private").iterdir()) == []


def test_a_download_that_is_shorter_than_declared_may_be_tried_again(tmp_path: Path, web: WebServer) -> None:
    web.routes["/short"] = lambda request: request.give(DATA[:-1])

    with pytest.raises(ArtifactUnavailableError, match="199999 of the declared 200000 bytes"):
        store(tmp_path, web.origin).fetch(at(f"{web.origin}/short"))


def test_a_download_without_end_is_cut_at_the_declared_size(tmp_path: Path, web: WebServer) -> None:
    def endless(request: Handler) -> None:
        request.send_response(200)
        request.end_headers()
        while not request.server.ending.is_set():
            request.wfile.write(DATA)

    web.routes["/endless"] = endless

    with pytest.raises(ArtifactRefusedError, match="more than the declared 200000 bytes"):
        store(tmp_path, web.origin).fetch(at(f"{web.origin}/endless"))


def test_a_download_of_other_content_is_refused_for_good(tmp_path: Path, web: WebServer) -> None:
    web.routes["/other"] = lambda request: request.give(DATA[::-1])

    with pytest.raises(ArtifactRefusedError, match="sha256"):
        store(tmp_path, web.origin).fetch(at(f"{web.origin}/other"))


@pytest.mark.parametrize("body", [b"", b"0123456789"])
def test_a_server_that_stalls_is_left_in_time(tmp_path: Path, web: WebServer, body: bytes) -> None:
    def stall(request: Handler) -> None:
        if body:
            request.give(body, length=len(DATA))
        request.server.ending.wait(20)

    web.routes["/stall"] = stall

    with pytest.raises(ArtifactUnavailableError, match="no answer in time"):
        store(tmp_path, web.origin, timeout_s=0.3).fetch(at(f"{web.origin}/stall"))


def test_a_server_that_is_not_there_may_be_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ArtifactUnavailableError, match=r"127\.0\.0\.1:9"):
        store(tmp_path, "http://127.0.0.1:9").fetch(at("http://127.0.0.1:9/m"))


@pytest.fixture(scope="module")
def _store_threads() -> None:
    """Start the threads of fsspec, which stay for as long as the process lives."""
    sync(get_loop(), _look_up)


async def _look_up() -> None:
    await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 80)


@pytest.mark.usefixtures("_store_threads")
def test_an_object_of_a_store_is_read_through_its_own_library(
    tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", web.origin)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ada")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    web.routes["/models/wine/m.pmml"] = lambda request: request.give(
        DATA, ETag='"e"', Last_Modified="Fri, 01 May 2026 00:00:00 GMT", Accept_Ranges="bytes"
    )

    copy = store(tmp_path, "s3://models").fetch(at("s3://models/wine/m.pmml"))

    assert copy.read_bytes() == DATA
    with pytest.raises(ArtifactUnavailableError, match="s3://models/wine/none"):
        store(tmp_path, "s3://models").fetch(at("s3://models/wine/none", b"x"))
    with pytest.raises(ArtifactRefusedError, match="not an allowed origin"):
        store(tmp_path, "s3://models").fetch(at("s3://others/m", b"x"))


NAME = "wine@1"


class World:
    """A loader that serves PMML models from the web."""

    def __init__(self, folder: Path, web: WebServer) -> None:
        self.clock = VirtualClock()
        self.view = ControlView()
        self.shelf = Shelf((NAME,))
        self.loader = Loader(
            self.shelf,
            self.view,
            store(folder, web.origin),
            lambda descriptor: create_runtime(descriptor, RuntimeOptions(jvm_heap_mb=128)),
            clock=self.clock,
        )

    def publish(self, message: Control) -> None:
        state = apply(self.view.state, message, self.view.state.next_offset)
        assert isinstance(state, State), state
        self.view.publish(state)

    def step(self) -> Phase:
        self.loader.step()
        return self.loader.courses[NAME].phase

    def quality(self) -> object:
        (outputs,) = self.shelf.ready[NAME].runtime.predict([{"alcohol": 10.0}])
        return outputs["quality"] if isinstance(outputs, dict) else outputs


def published(location: str, document: bytes) -> Model:
    descriptor = model("wine", "1")
    descriptor.artifact.CopyFrom(at(location, document))
    return descriptor


def test_a_model_is_found_when_the_server_is_back(tmp_path: Path, web: WebServer) -> None:
    document = regression({"alcohol": 0.5}, 1.0)
    web.routes["/wine"] = lambda request: request.give(b"", status=503)
    world = World(tmp_path, web)
    world.publish(control("add", published(f"{web.origin}/wine", document)))

    assert world.step() is Phase.FAILED
    assert "the server says 503" in world.loader.courses[NAME].reason
    assert world.step() is Phase.FAILED
    assert web.asked == ["/wine"]

    web.routes["/wine"] = lambda request: request.give(document)
    world.clock.advance(1_000_000)
    assert world.step() is Phase.READY
    assert world.quality() == pytest.approx(6.0)
