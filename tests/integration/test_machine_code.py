"""Services as machine code: the same sources, and the same tests have to pass."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools.compile_services import ROOT, compile_to, digest, has_compiler, is_fresh

_TESTS = (
    *("tests/unit/engine", "tests/unit/feature_extractor", "tests/unit/rendezvous", "tests/unit/runtime"),
    *("tests/unit/models/test_serving.py", "tests/unit/models/test_overload.py", "tests/unit/system"),
    *("tests/property/test_engine.py", "tests/property/test_fields_codec.py"),
)
_COMPILED = (
    *("rendezvous_contracts.values", "rendezvous_engine.engine", "rendezvous_feature_extractor.handler"),
    *("rendezvous_models.serving", "rendezvous_runtime.loop", "rendezvous_service.handler"),
)
_LOOK = f"from importlib.util import find_spec; print(*(find_spec(each).origin for each in {_COMPILED}))"


# It compiles for more than a minute where nothing else runs, and then has some hundred tests run.
@pytest.mark.timeout(900)
@pytest.mark.skipif(not has_compiler(), reason="no C compiler, or no headers of this Python")
def test_the_tests_of_what_is_compiled_pass_on_machine_code(tmp_path: Path) -> None:
    folder = tmp_path / "compiled"
    compile_to(folder)
    assert is_fresh(folder)
    env = {**os.environ, "PYTHONPATH": str(folder)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert run("-c", _LOOK).count(".so") == len(_COMPILED), "it runs what is interpreted"
    assert " passed" in run("-m", "pytest", "-q", *_TESTS)


def test_machine_code_of_other_sources_is_not_taken_for_fresh(tmp_path: Path) -> None:
    assert not is_fresh(tmp_path)
    (tmp_path / "sources.sha256").write_text("0" * 64)
    assert not is_fresh(tmp_path)


@pytest.mark.parametrize("changed", ["handler.py", "parts/one.py"])
def test_a_change_anywhere_in_a_package_makes_its_copy_stale(tmp_path: Path, changed: str) -> None:
    package = tmp_path / "package"
    (package / "parts").mkdir(parents=True)
    for name in ("handler.py", "parts/one.py"):
        (package / name).write_text("number = 1\n")
    before = digest([package])
    (package / changed).write_text("number = 2\n")
    assert digest([package]) != before
