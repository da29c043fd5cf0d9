"""A Prometheus of a test's own, and what it says."""

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from rendezvous_local.ports import free_port

from tests.support.polling import wait_until

_READY_S = 30.0
_ASK_S = 20.0
_END_S = 10.0


class Prometheus:
    """One that runs at *url*."""

    def __init__(self, url: str) -> None:
        self.url = url

    def get(self, path: str, **parameters: str) -> Any:
        """Return the data that the API gives; raises AssertionError with its own words where it refuses."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=_ASK_S) as answer:  # noqa: S310 - http, our own
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{parameters}: {json.load(error).get('error')}") from error

    def now(self, expression: str) -> list[dict[str, Any]]:
        """Return the series of *expression* now."""
        return list(self.get("query", query=expression)["result"])

    def value(self, expression: str) -> float:
        """Return the sum of the values of *expression* now; 0 where there are none."""
        return sum(float(each["value"][1]) for each in self.now(expression))

    def over(self, expression: str, start: float, end: float, step_s: float) -> list[dict[str, Any]]:
        """Return the series of *expression* from *start* to *end*, seconds since the epoch."""
        times = {"start": str(start), "end": str(end), "step": str(step_s)}
        return list(self.get("query_range", query=expression, **times)["result"])

    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=_ASK_S) as answer:  # noqa: S310
                return bool(answer.status == 200)
        except OSError:
            return False


@contextmanager
def prometheus(
    folder: Path, targets: Mapping[str, Sequence[str]], rules: Path, *, every: str = "1s"
) -> Iterator[Prometheus]:
    """Run one that scrapes *targets* (host:port, by job) and evaluates the *rules* until the block ends."""
    folder.mkdir(parents=True)
    config = {
        "global": {"scrape_interval": every, "scrape_timeout": every, "evaluation_interval": every},
        "rule_files": [str(rules / "*.yaml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [*hosts]}]} for job, hosts in targets.items()
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--enable-feature=exemplar-storage",
        "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            found = Prometheus(f"http://127.0.0.1:{port}")
            wait_until(lambda: found.ready() or process.poll() is not None, _READY_S, "Prometheus is up")
            assert process.poll() is None, (folder / "log").read_text()
            yield found
        finally:
            process.terminate()
            process.wait(_END_S)
