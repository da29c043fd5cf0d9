"""`rendezvous model check` as a process of its own, with a JVM, from a file and from a web server."""

import json
import subprocess
import sys
from pathlib import Path

from tests.support.pmml import two_class_tree
from tests.support.web import web_server

RENDEZVOUS = Path(sys.executable).parent / "rendezvous"
TREE = two_class_tree("alcohol", 10.0)


def check(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [str(RENDEZVOUS), "model", "check", *arguments, "--jvm-heap-mb", "128"]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_a_pmml_model_is_recognised_scored_and_left_without_a_crash(tmp_path: Path) -> None:
    (tmp_path / "tree").write_bytes(TREE)
    (tmp_path / "rows.csv").write_text("Alcohol\n9\n11\n")

    result = check("tree", "--records", "rows.csv", "-o", "json", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert [json.loads(line) for line in result.stdout.splitlines()] == [
        {"row": 1, "outputs": {"grade": "poor", "p_good": 0.1}},
        {"row": 2, "outputs": {"grade": "good", "p_good": 0.9}},
    ]
    assert "type: pmml, told from the content" in result.stderr


def test_a_model_is_checked_where_it_will_be_fetched_from(tmp_path: Path) -> None:
    with web_server() as web:
        web.routes["/tree"] = lambda request: request.give(TREE)
        result = check(f"{web.origin}/tree", "--networks", "127.0.0.0/8", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert "grade" in result.stdout
    assert f"artifact: size: {len(TREE)}, sha256: " in result.stderr
