"""One line per event, of ours and of libraries, as JSON or for people."""

import json
import logging
from collections.abc import Iterator
from typing import ClassVar

import pytest
import structlog
from rendezvous_runtime.logs import configure_logs
from rendezvous_runtime.settings import ServiceSettings


class EchoSettings(ServiceSettings):
    service: ClassVar[str] = "echo"


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_our_events_and_those_of_libraries_look_alike(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(EchoSettings(instance="echo-1"))
    structlog.get_logger("ours").info("ready", port=8100)
    logging.getLogger("theirs").warning("slow: %d ms", 5)
    ours, theirs = lines(capsys)
    assert (ours["event"], ours["port"], ours["logger"], ours["level"]) == ("ready", 8100, "ours", "info")
    assert (theirs["event"], theirs["logger"], theirs["level"]) == ("slow: 5 ms", "theirs", "warning")
    assert ours["instance"] == theirs["instance"] == "echo-1"
    assert ours["service"] == "echo"


def test_a_traceback_shows_no_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(EchoSettings())
    password = "hunter" + "2"
    try:
        int(password[:0])
    except ValueError:
        structlog.get_logger("ours").exception("failed")
    (line,) = lines(capsys)
    assert "ValueError" in str(line["exception"])
    assert password not in str(line)


def test_what_a_client_repeats_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(EchoSettings())
    for _ in range(5):
        logging.getLogger("aiokafka.client").error("Unable to connect")
        logging.getLogger("ours").error("each one counts")
    assert [line["event"] for line in lines(capsys)].count("Unable to connect") == 1


def test_a_library_that_tells_its_life_is_not_heard_below_warning(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs(EchoSettings())
    logging.getLogger("faust.worker").info("Starting...")
    logging.getLogger("mode.shell").warning("Crashed")
    assert [line["event"] for line in lines(capsys)] == ["Crashed"]


def test_the_console_format_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(EchoSettings(log_format="console"))
    structlog.get_logger("ours").info("ready", port=8100)
    written = capsys.readouterr().err
    assert "ready" in written
    assert "port=8100" in written
    assert not written.startswith("{")
