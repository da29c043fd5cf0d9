"""The dashboards that are checked in are those that their code makes."""

from pathlib import Path

from tools.generate_dashboards import FOLDER, generate


def test_the_dashboards_are_those_of_the_code(tmp_path: Path) -> None:
    generate(tmp_path)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert kept == made, "run `python -m tools.generate_dashboards` and commit what it writes"
