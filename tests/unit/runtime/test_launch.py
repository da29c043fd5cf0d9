"""How a service begins in a container."""

import subprocess
import sys
from pathlib import Path

_IMPORTS_FOR_EVER = "import time\nprint('importing', flush=True)\ntime.sleep(600)\n"
_SAYS_WHO_IT_IS = "import sys\nprint(__name__, len(sys.argv))\nsys.exit(7)\n"


def launched(folder: Path, module: str, text: str) -> subprocess.Popen[str]:
    (folder / f"{module}.py").write_text(text)
    argv = [sys.executable, "-m", "rendezvous_runtime.launch", module]
    return subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, text=True)


def test_a_stop_while_it_still_imports_ends_it_at_once_and_in_order(tmp_path: Path) -> None:
    with launched(tmp_path, "slow", _IMPORTS_FOR_EVER) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        process.terminate()
        assert process.wait(5) == 0


def test_the_module_runs_as_the_program_and_its_exit_code_is_the_programs(tmp_path: Path) -> None:
    with launched(tmp_path, "short", _SAYS_WHO_IT_IS) as process:
        said, _ = process.communicate(timeout=10)
    assert (said, process.returncode) == ("__main__ 1\n", 7)


def test_without_a_module_it_says_how_it_is_called() -> None:
    argv = [sys.executable, "-m", "rendezvous_runtime.launch"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (done.returncode, "usage:" in done.stderr) == (2, True)
