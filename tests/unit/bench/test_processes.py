"""Processes of the bench."""

import sys
from pathlib import Path

import pytest
from rendezvous_local.process import ProcessSpec

from bench.errors import BenchError
from bench.processes import running
from tests.support.polling import wait_until
from tests.support.processes import is_running


def python(code: str) -> ProcessSpec:
    return ProcessSpec("program", (sys.executable, "-c", code), grace_s=2.0)


def test_a_process_ends_with_its_block(tmp_path: Path) -> None:
    with running(python("import time; time.sleep(60)"), log_dir=tmp_path) as (process,):
        process.wait_ready()
        pid = process.pid
        assert is_running(pid)

    assert not is_running(pid)


def test_a_process_that_will_not_end_is_killed(tmp_path: Path) -> None:
    stubborn = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print('deaf', flush=True); time.sleep(60)"
    )
    spec = ProcessSpec("program", (sys.executable, "-c", stubborn), grace_s=0.1)
    with running(spec, log_dir=tmp_path) as (process,):
        wait_until(lambda: process.log_file.read_text() != "", 20.0, "its signal handler")
        pid = process.pid

    assert not is_running(pid)


def test_a_process_that_has_ended_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    with (
        running(python("raise SystemExit('no broker here')"), log_dir=tmp_path) as (process,),
        pytest.raises(BenchError, match=r"program ended with exit code 1(?s:.)*no broker here"),
    ):
        process.wait_until(lambda: False, "to do something", 20.0)


def test_the_processor_time_of_a_process_grows(tmp_path: Path) -> None:
    with running(python("while True: pass"), log_dir=tmp_path) as (process,):
        process.wait_until(lambda: process.cpu_s() > 0.05, "to use some time", 20.0)
