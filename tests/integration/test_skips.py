"""The suite itself: a machine without Kafka may skip its tests, CI may not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
_SKIPS_ITSELF = "import pytest\n\n@pytest.mark.kafka\ndef test_it() -> None:\n    pytest.skip('not today')\n"


def _pytest(*arguments: str, ci: str, **env: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments]
    environment = {**os.environ, "CI": ci, **env}
    return subprocess.run(argv, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("ci", "code", "says"), [("", 0, "1 skipped"), ("true", 4, "kafka tests have to run")]
)
def test_without_java_a_kafka_test_is_skipped_but_never_in_ci(
    tmp_path: Path, ci: str, code: int, says: str
) -> None:
    which = "tests/integration/test_local_broker.py::test_records_come_back_as_they_were_written"
    result = _pytest(which, ci=ci, JAVA_HOME=str(tmp_path))
    output = result.stdout + result.stderr
    assert result.returncode == code, output
    assert says in output
    assert f"no java on JAVA_HOME ({tmp_path}): install Java 17+" in output


@pytest.mark.kafka
@pytest.mark.parametrize(("ci", "code"), [("", 0), ("true", 1)])
def test_a_kafka_test_that_skips_itself_fails_in_ci(tmp_path: Path, ci: str, code: int) -> None:
    (tmp_path / "test_skipping.py").write_text(_SKIPS_ITSELF)
    plugin = "tests.conftest"
    result = _pytest(
        "-p", plugin, "-c", str(ROOT / "pyproject.toml"), str(tmp_path / "test_skipping.py"), ci=ci
    )
    assert result.returncode == code, result.stdout + result.stderr
    assert "not today" in result.stdout
