"""The supervisor, with real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rendezvous_local.errors import AlreadyRunningError, LocalError, NotReadyError
from rendezvous_local.ports import free_port
from rendezvous_local.probe import http_ready
from rendezvous_local.process import ProcessSpec
from rendezvous_local.runfile import end_all
from rendezvous_local.supervisor import Supervisor

from tests.support.polling import wait_until
from tests.support.processes import is_running

_SLEEPS = "import time; time.sleep(600)"
_STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); " + _SLEEPS


def _python(name: str, code: str, *arguments: str) -> ProcessSpec:
    return ProcessSpec(name, (sys.executable, "-c", code, *arguments))


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    with Supervisor(tmp_path) as supervisor:
        yield supervisor


def _pid(supervisor: Supervisor, name: str) -> int | None:
    return next(process.pid for process in supervisor.status() if process.name == name)


def test_a_killed_process_comes_back_at_once(supervisor: Supervisor) -> None:
    supervisor.start(_python("sleeper", _SLEEPS))
    first = _pid(supervisor, "sleeper")
    killed_at = time.monotonic()
    supervisor.kill("sleeper")
    wait_until(lambda: _pid(supervisor, "sleeper") not in (None, first), 5, "the process is back")
    assert time.monotonic() - killed_at < 1.0
    assert supervisor.status()[0].restarts == 1


def test_a_process_with_more_niceness_gives_way_to_the_others(supervisor: Supervisor) -> None:
    supervisor.start(_python("answers", _SLEEPS))
    supervisor.start(replace(_python("scores", _SLEEPS), niceness=7))
    pids = [_pid(supervisor, name) for name in ("answers", "scores")]
    own = os.getpriority(os.PRIO_PROCESS, 0)

    def priorities() -> list[int]:
        return [os.getpriority(os.PRIO_PROCESS, pid or 0) for pid in pids]

    wait_until(lambda: priorities() == [own, min(own + 7, 19)], 5, "both have their niceness")
    # The kernel shares the processor out among sessions first: niceness means nothing between two of them.
    assert {os.getsid(pid or 0) for pid in pids} == {os.getsid(0)}


def test_a_killed_process_can_stay_down_until_it_is_revived(supervisor: Supervisor) -> None:
    supervisor.start(_python("sleeper", _SLEEPS))
    supervisor.kill("sleeper", stay_down=True)
    wait_until(lambda: _pid(supervisor, "sleeper") is None, 5, "the process is down")
    time.sleep(0.5)  # longer than the first restart would take: nothing is to happen
    assert _pid(supervisor, "sleeper") is None
    assert supervisor.status()[0].exit_code == -signal.SIGKILL
    supervisor.revive("sleeper")
    assert _pid(supervisor, "sleeper") is not None


def test_a_process_that_keeps_ending_waits_longer_each_time_and_is_not_ready(supervisor: Supervisor) -> None:
    crasher = _python("crasher", "raise SystemExit('no luck')")
    supervisor.start(replace(crasher, ready=http_ready(f"http://127.0.0.1:{free_port()}/")))
    with pytest.raises(NotReadyError, match=r"crasher is not ready: it keeps ending(.|\n)*no luck"):
        supervisor.wait_ready(["crasher"], 20)
    assert supervisor.status()[0].restarts < 10


def test_a_process_is_ready_when_its_page_says_so(supervisor: Supervisor, tmp_path: Path) -> None:
    port = free_port()
    page = tmp_path / "www" / "ready"
    page.parent.mkdir()
    argv = (sys.executable, "-m", "http.server", str(port), "-b", "127.0.0.1", "-d", str(page.parent))
    supervisor.start(ProcessSpec("web", argv, ready=http_ready(f"http://127.0.0.1:{port}/ready")))
    with pytest.raises(NotReadyError, match="web is not ready"):
        supervisor.wait_ready(["web"], 1)
    page.write_text("yes")
    supervisor.wait_ready(["web"], 10)


def test_what_ignores_the_request_to_end_is_killed_after_its_grace(supervisor: Supervisor) -> None:
    supervisor.start(replace(_python("stubborn", _STUBBORN), grace_s=0.3))
    wait_until(lambda: supervisor.log_file("stubborn").read_text() == "1\n", 5, "it ignores SIGTERM")
    supervisor.stop("stubborn")
    assert supervisor.status()[0].exit_code == -signal.SIGKILL


def test_later_stages_end_first_and_grandchildren_end_too(tmp_path: Path) -> None:
    order = tmp_path / "order"
    says_when_it_ends = (
        "import pathlib, signal, subprocess, sys, time\n"
        "def end(*_):\n    open(sys.argv[1], 'a').write(sys.argv[2] + '\\n'); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)\n"
    )
    with Supervisor(tmp_path) as supervisor:
        for name, stage in (("first", 0), ("second", 1)):
            supervisor.start(replace(_python(name, says_when_it_ends, str(order), name), stage=stage))
        logs = [supervisor.log_file(name) for name in ("first", "second")]
        wait_until(lambda: all(log.read_text().strip() for log in logs), 10, "both run")
        grandchildren = [int(log.read_text()) for log in logs]
    assert order.read_text().split() == ["second", "first"]
    wait_until(lambda: not any(map(is_running, grandchildren)), 5, "the grandchildren are gone")


def test_a_name_runs_once(supervisor: Supervisor) -> None:
    supervisor.start(_python("sleeper", _SLEEPS))
    with pytest.raises(LocalError, match="sleeper runs already: pid"):
        supervisor.start(_python("sleeper", _SLEEPS))
    with pytest.raises(LocalError, match="no process other; there are: sleeper"):
        supervisor.kill("other")


def test_a_data_directory_has_one_supervisor(supervisor: Supervisor, tmp_path: Path) -> None:
    with pytest.raises(AlreadyRunningError, match=rf"pid {os.getpid()} already runs .*`rendezvous down`"):
        Supervisor(tmp_path).open()
    supervisor.stop_all()
    with Supervisor(tmp_path):
        pass


_SUPERVISES = (
    "import pathlib, sys, threading\n"
    "from rendezvous_local.process import ProcessSpec\n"
    "from rendezvous_local.supervisor import Supervisor\n"
    "supervisor = Supervisor(pathlib.Path(sys.argv[1])); supervisor.open()\n"
    "supervisor.start(ProcessSpec('sleeper', (sys.executable, '-c', 'import time; time.sleep(600)')))\n"
    "print(supervisor.status()[0].pid, flush=True); threading.Event().wait()\n"
)


@pytest.mark.parametrize("end", ["from outside", "kill -9"])
def test_nothing_outlives_its_supervisor(tmp_path: Path, end: str) -> None:
    argv = [sys.executable, "-c", _SUPERVISES, str(tmp_path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        pid = int(process.stdout.readline())
        assert is_running(pid)
        if end == "from outside":
            assert end_all(tmp_path)
        else:
            process.kill()
    wait_until(lambda: not is_running(pid), 5, "the supervised process has ended")
    assert not end_all(tmp_path), "nothing is left to end"
