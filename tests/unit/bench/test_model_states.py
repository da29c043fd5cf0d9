"""Where a model stands, as a container says that is asked all the time."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rendezvous_local.ports import free_port
from rendezvous_local.process import ProcessSpec

from bench.errors import BenchError
from bench.model_states import ModelStates
from bench.processes import Running, running
from tests.support.polling import wait_until

# Says of a model the state that it is named after, but of "unheard" that it knows none.
SAYS = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer

class Container(BaseHTTPRequestHandler):
    def do_GET(self):
        state = self.path.split("/")[3]
        here = [{"state": f"MODEL_STATE_{state}", "reason": "it is broken"}]
        self.send_response(404 if state == "unheard" else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"error": "none"} if state == "unheard" else {"here": here}).encode())

    def log_message(self, *_):
        pass

HTTPServer(("127.0.0.1", int(sys.argv[1])), Container).serve_forever()
"""


@pytest.fixture
def container(tmp_path: Path) -> Iterator[Running]:
    port = str(free_port())
    argv = (sys.executable, "-c", SAYS, port)
    spec = ProcessSpec("container", argv, env={"RENDEZVOUS_WEB_PORT": port}, grace_s=2.0)
    with running(spec, log_dir=tmp_path) as (process,):
        yield process


def test_a_model_is_loaded_once_the_container_says_so_and_gone_once_nothing_is_left(
    container: Running,
) -> None:
    with ModelStates(container, "READY@1") as states:
        wait_until(states.is_loaded, 20.0, "it is ready")
        assert not states.is_gone()

        states.turn_to("UNSPECIFIED@1")
        assert not states.is_loaded()  # what was said of the other model does not count
        wait_until(states.is_gone, 20.0, "nothing is left of it")


@pytest.mark.parametrize("state", ["unheard", "LOADING", "DRAINING"])
def test_a_model_on_its_way_is_neither_loaded_nor_gone(container: Running, state: str) -> None:
    with ModelStates(container, "READY@1") as states:
        wait_until(states.is_loaded, 20.0, "it is ready")
        states.turn_to(f"{state}@1")
        wait_until(lambda: states._said.model == f"{state}@1", 20.0, "it is asked for")

        assert not states.is_loaded()
        assert not states.is_gone()


def test_a_model_that_cannot_be_loaded_is_an_error_with_its_reason(container: Running) -> None:
    with (
        ModelStates(container, "FAILED@1") as states,
        pytest.raises(BenchError, match="FAILED@1 was not loaded: it is broken"),
    ):
        wait_until(states.is_loaded, 20.0, "it is ready")


def test_who_waits_for_a_model_sees_that_its_container_has_ended(container: Running) -> None:
    with ModelStates(container, "LOADING@1") as states:
        container.end()

        with pytest.raises(BenchError, match="container ended with exit code"):
            states.is_loaded()
