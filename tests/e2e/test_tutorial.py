"""The tutorial, as a reader follows it: every command of it, in its order, on a system of its own."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from rendezvous_local.ports import free_port

from tests.support.polling import wait_until

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LIMIT_S = 280

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(_LIMIT_S + 60)]


def commands() -> list[str]:
    """Return the blocks of commands that the tutorial has."""
    return _BLOCK.findall(TUTORIAL.read_text())


@contextmanager
def shell(script: str, folder: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Run *script* in a session of its own, and leave nothing of it behind."""
    with (folder / "output.txt").open("w") as output:
        run = subprocess.Popen(
            ["/bin/bash", "-c", script],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            yield run
        finally:
            in_session = [each for each in psutil.process_iter(["pid"]) if _session(each.pid) == run.pid]
            for each in in_session:
                each.send_signal(signal.SIGTERM)
            _, left = psutil.wait_procs(in_session, timeout=20)
            for each in left:
                each.kill()
            run.wait()


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return 0


def test_every_command_of_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    kafka, gateway = free_port(), free_port()
    for name in (".venv", "examples"):  # the commands are given in the root of the repository
        (tmp_path / name).symlink_to(ROOT / name)
    environment = os.environ | {
        "RENDEZVOUS_LOCAL_DATA_DIR": str(tmp_path / "data"),
        "RENDEZVOUS_LOCAL_KAFKA_PORT": str(kafka),
        "RENDEZVOUS_LOCAL_GATEWAY_PORT": str(gateway),
        "RENDEZVOUS_LOCAL_READY_TIMEOUT_S": str(_LIMIT_S),
        "RENDEZVOUS_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka}",
        "RENDEZVOUS_GATEWAY": f"http://127.0.0.1:{gateway}",
        "RENDEZVOUS_AUTHOR": "ada",
        "COLUMNS": "120",
    }
    # Before each block its number, so that what it prints can be told from the others'.
    numbered = "".join(f"printf '\\n#{place}\\n'\n{block}" for place, block in enumerate(commands()))
    script = "set -e\n" + numbered.replace("127.0.0.1:8080", f"127.0.0.1:{gateway}")
    with shell(script, tmp_path, environment) as run:
        wait_until(lambda: run.poll() is not None, _LIMIT_S, "the tutorial is done", every_s=0.5)
    output = (tmp_path / "output.txt").read_text()
    assert run.returncode == 0, output
    told = re.split(r"^#\d+$", output, flags=re.MULTILINE)[1:]
    assert len(told) == len(commands()) == 8, output
    by_default, by_model, rolled, seen = told[2], told[3], told[5], told[6]
    assert "default" in by_default
    assert "parcel@1" in by_model
    assert "2.8" in by_model
    assert "done" in rolled
    before, _, after = seen.partition("revision  change")
    assert "parcel@2" in before
    assert "it is better" in after
    assert "parcel@1" in after.rpartition("source ")[2]
