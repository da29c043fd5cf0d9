"""What is left of the whole system when it has ended."""

import os
import signal
from pathlib import Path

import psutil
import pytest

from tests.support.stacks import running

pytestmark = pytest.mark.kafka


def test_no_process_outlives_a_stack_whose_processes_were_killed_and_stalled(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    with running(tmp_path) as system, system.load("ending") as load, system.answers() as answers:
        answers.wait_for_more(100)
        system.kill("rendezvous")
        system.kill(system.champion)
        started = set(psutil.Process().children(recursive=True)) - before
        assert len(started) >= 1 + len(system.services)
        load.stop()
        (stalled,) = (each.pid for each in system.stack.status() if each.name == system.runner_up)
        assert stalled is not None
        os.kill(stalled, signal.SIGSTOP)  # it cannot hear that it is to end

    assert [each for each in started if each.is_running()] == []
    assert set(psutil.Process().children(recursive=True)) == before
