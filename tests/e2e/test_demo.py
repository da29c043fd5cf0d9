"""The demo as a process, as `make demo` runs it, with fewer wines and more patience for a busy machine."""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from rendezvous_local.jars import kafka_version

ROOT = Path(__file__).parents[2]
SENT = 200
# Slow motion: SLA 1 s. What is tested is that every step works and counts; how fast, `make demo` shows.
ARGUMENTS = ("--requests", str(SENT), "--rate", "40", "--slow-motion", "10")


def _command(folder: Path, *arguments: str) -> list[str]:
    places = ("--data", str(folder / "data"), "--report", str(folder / "demo.json"))
    return [sys.executable, "-m", "examples.wine.demo", *arguments, *places]


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[subprocess.CompletedProcess[str], Mapping[str, Any]]:
    folder = tmp_path_factory.mktemp("demo")
    result = subprocess.run(
        _command(folder, *ARGUMENTS), cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    assert (folder / "demo.json").exists(), result.stdout + result.stderr
    return result, json.loads((folder / "demo.json").read_text())


@pytest.mark.kafka
def test_every_wine_is_answered_once_in_time_and_archived(
    ran: tuple[subprocess.CompletedProcess[str], Mapping[str, Any]],
) -> None:
    result, report = ran
    assert result.returncode == 0, result.stdout
    assert report["failures"] == []
    assert [report[key] for key in ("sent", "answered", "within_sla", "archived")] == [SENT] * 4
    assert [report[key] for key in ("duplicates", "lost", "dead_letters")] == [0, 0, 0]
    assert report["archived_decisions"] == SENT
    assert report["sla_ms"] == 1_000
    assert report["kafka_version"] == kafka_version()
    for counts in ("by_tier", "by_source", "by_way"):
        assert sum(report[counts].values()) == SENT, counts
    assert report["by_way"] == {"http": SENT // 2, "kafka": SENT // 2}
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p99"] <= report["latency_ms"]["max"]


@pytest.mark.kafka
def test_the_fallback_answers_while_the_champion_is_down_and_the_next_one_takes_over(
    ran: tuple[subprocess.CompletedProcess[str], Mapping[str, Any]],
) -> None:
    result, report = ran
    first, second = report["revisions"]["1"]["models"], report["revisions"]["2"]["models"]
    assert set(first) >= {"wine-forest@1", "wine-mlp@1"}
    assert "wine-forest@2" in second
    assert "wine-forest@1" not in second
    assert len([switch for switch in report["switches"] if switch["revision"] == 2]) == 4
    assert [event["text"].split()[0] for event in report["events"]][:1] == ["killed"]
    assert set(report["canary"]) == {"wine-forest@1", "wine-forest@2", "wine-mlp@1"}
    assert "PASSED: all 200 wines answered once, in time, and archived." in result.stdout


@pytest.mark.kafka
def test_an_interrupted_demo_leaves_no_process(tmp_path: Path) -> None:
    command = _command(tmp_path, *ARGUMENTS)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "services are up" in line:
                break
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 5
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        assert process.wait(60) == 130, said
    assert "interrupted; every process has ended" in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    assert not (tmp_path / "demo.json").exists()


def test_the_demo_deletes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    kept = tmp_path / "data" / "thesis.tex"
    kept.parent.mkdir()
    kept.touch()
    result = subprocess.run(
        _command(tmp_path), cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert result.returncode == 1
    assert "holds something else than a run of the demo" in result.stdout
    assert kept.exists()
