"""What all tests share: the brokers, the leak guard, and what may be skipped, where."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from rendezvous_local.broker import Broker
from rendezvous_local.errors import MissingToolError
from rendezvous_local.jars import broker_jars, find_java

from tests.support.polling import is_within
from tests.support.processes import alive, kill_left_over, left_over

# On a busy machine any example may take long: a time-out is pytest's to give.
settings.register_profile("shared", deadline=None)
settings.load_profile("shared")

_NATIVE = frozenset({"jpype", "tensorflow", "onnxruntime"})
_STATUS = pytest.StashKey[int]()
_CI = os.environ.get("CI") == "true"
_TO_END_S = 3.0
_ENGINE_S = 20.0


def _why_no_kafka() -> str | None:
    try:
        find_java()
        broker_jars()
    except MissingToolError as error:
        return str(error)
    return None


def _why_no_docker() -> str | None:
    if shutil.which("docker") is None:
        return "no docker on PATH"
    # A socket may have outlived its engine: whether there is one is for the engine to say.
    asked = ["docker", "version", "--format", "{{.Server.Version}}"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=_ENGINE_S, check=False)
    except subprocess.TimeoutExpired:
        return f"no Docker engine answers within {_ENGINE_S:g} s"
    return None if answer.returncode == 0 else f"no Docker engine: {answer.stderr.strip()}"


def _why_no_kubernetes() -> str | None:
    return None if os.environ.get("KUBECONFIG") else "no cluster: KUBECONFIG is not set"


def _why_no_prometheus() -> str | None:
    missing = [tool for tool in ("prometheus", "promtool") if shutil.which(tool) is None]
    return f"not on PATH: {', '.join(missing)}" if missing else None


def _why_no_browser() -> str | None:
    return None if shutil.which("chromium") else "no chromium on PATH"


_WHY_NOT = {
    "kafka": _why_no_kafka,
    "docker": _why_no_docker,
    "kubernetes": _why_no_kubernetes,
    "prometheus": _why_no_prometheus,
    "browser": _why_no_browser,
}
_EVERYWHERE = frozenset({"kafka", "prometheus", "browser"})  # what `.ci/run` brings along


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, with the reason, what cannot run here; where CI=true, what `.ci/run` brings has to be there."""
    for marker, why_not in _WHY_NOT.items():
        marked = [item for item in items if item.get_closest_marker(marker)]
        reason = why_not() if marked else None
        if reason and marker in _EVERYWHERE and _CI:
            raise pytest.UsageError(f"with CI=true the {marker} tests have to run: {reason}")
        for item in marked if reason else ():
            item.add_marker(pytest.mark.skip(reason=reason or ""))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI=true, fail a test that skips itself though it asks for nothing but what `.ci/run` brings."""
    report = yield
    markers = {marker.name for marker in item.iter_markers()}
    needs_no_more = markers & _EVERYWHERE and not markers & (_WHY_NOT.keys() - _EVERYWHERE)
    if _CI and needs_no_more and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where CI=true: {report.longreprtext}"
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep how it went for the end."""
    session.config.stash[_STATUS] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """
    End at once where native libraries have met that never meet in a service.

    Each service carries one of them, and tests start it as a process and look how that ends. Together in one
    process their threads and exit handlers run into each other while the interpreter ends, after all is told.
    """
    if len(_NATIVE & sys.modules.keys()) > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(config.stash.get(_STATUS, 0))


@pytest.fixture(autouse=True)
def _leak_guard() -> Iterator[None]:
    before = alive()
    yield
    if not is_within(lambda: not left_over(before), _TO_END_S):
        names = ", ".join(left_over(before))
        kill_left_over(before)
        pytest.fail(f"left behind: {names}")


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka"), short_lived=True) as broker:
        yield broker


@pytest.fixture
def kafka(shared_broker: Broker) -> str:
    """The bootstrap servers of the session's broker: take topics that no other test uses."""
    return shared_broker.bootstrap_servers


@pytest.fixture
def fresh_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker of one test's own, empty: for whole systems, whose topics have fixed names."""
    with Broker(tmp_path / "kafka", short_lived=True) as broker:
        yield broker
