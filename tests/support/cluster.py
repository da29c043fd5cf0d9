"""A namespace of a real cluster as one test run's own, with helm and kubectl: what users have."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import pytest

from tests.support.polling import wait_until

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "helm" / "rendezvous"
VERSION: Final = os.environ.get("RENDEZVOUS_VERSION", "0.1.0")
# A cluster that pulls: from where. One that does not has to have the images.
REGISTRY: Final = os.environ.get("RENDEZVOUS_REGISTRY", "")
_COMMAND_S: Final = 900.0
_NAMESPACE_S: Final = 120.0
_KINDS: Final = (
    "all,configmap,secret,serviceaccount,role,rolebinding,persistentvolumeclaim,poddisruptionbudget,"
    "networkpolicy,horizontalpodautoscaler"
)
# Every namespace has them.
_OF_THE_CLUSTER: Final = frozenset({"configmap/kube-root-ca.crt", "serviceaccount/default"})


def why_no_cluster() -> str | None:
    """Return why the chart cannot be installed here, or None."""
    missing = [tool for tool in ("helm", "kubectl") if shutil.which(tool) is None]
    if missing:
        return f"not on PATH: {', '.join(missing)}"
    asked = ["kubectl", "get", "nodes", "--output", "json", "--request-timeout", "20s"]
    answer = subprocess.run(asked, capture_output=True, text=True, check=False)
    if answer.returncode:
        return f"no cluster answers: {answer.stderr.strip()}"
    nodes = json.loads(answer.stdout)["items"]
    images = [image for node in nodes for image in node["status"].get("images") or ()]
    # One that another has replaced has no name left.
    names = {name for image in images for name in image.get("names") or ()}
    needed = f"rendezvous/gateway:{VERSION}"
    if REGISTRY or any(name.endswith(needed) for name in names):
        return None
    return f"no node has {needed}: load the images, or name a registry with RENDEZVOUS_REGISTRY"


class Cluster:
    """A namespace in which only pods of the profile *restricted* may run; a context manager that ends it."""

    def __init__(self, namespace: str) -> None:
        self.namespace = namespace

    def __enter__(self) -> Self:
        self._end()
        self._run("kubectl", "create", "namespace", self.namespace)
        enforced = "pod-security.kubernetes.io/enforce=restricted"
        self._run("kubectl", "label", "namespace", self.namespace, enforced)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def helm(self, *arguments: str) -> str:
        """Return what helm says to *arguments*; fails the test with it unless it succeeds."""
        return self._run("helm", "--namespace", self.namespace, *arguments)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Return what kubectl says to *arguments*; fails the test with it unless it succeeds."""
        return self._run("kubectl", "--namespace", self.namespace, *arguments, stdin=stdin)

    def get(self, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """Return the objects of *kind* that *selector* chooses."""
        said = self.kubectl("get", kind, "--selector", selector, "--output", "json")
        found: list[dict[str, Any]] = json.loads(said)["items"]
        return found

    def execute(self, pod: str, *argv: str, stdin: str = "") -> str:
        """Return what the program *argv* says in *pod*."""
        return self.kubectl("exec", "--stdin", pod, "--", *argv, stdin=stdin)

    def started(self, pod: str, *argv: str) -> subprocess.Popen[str]:
        """Start *argv* in *pod*, and return who waits for its end here."""
        asked = ["kubectl", "--namespace", self.namespace, "exec", pod, "--", *argv]
        return subprocess.Popen(
            asked, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def left(self) -> set[str]:
        """Return what there is in the namespace."""
        names = self.kubectl("get", _KINDS, "--output", "name").split()
        return {name.replace(".apps", "").replace(".batch", "") for name in names} - _OF_THE_CLUSTER

    def _end(self) -> None:
        self._run("kubectl", "delete", "namespace", self.namespace, "--ignore-not-found", "--wait=false")

        def gone() -> bool:
            return not self._run("kubectl", "get", "namespace", self.namespace, "--ignore-not-found")

        wait_until(gone, _NAMESPACE_S, f"the namespace {self.namespace} is gone", every_s=0.5)

    def _run(self, *argv: str, stdin: str = "") -> str:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, check=False, timeout=_COMMAND_S
        )
        if done.returncode:
            pytest.fail(f"{' '.join(argv)}\n{done.stdout}\n{done.stderr}\n{self._sick()}")
        return done.stdout

    def _sick(self) -> str:
        """Return what may have gone wrong."""
        looks = (
            ("get", "pods"),
            ("get", "events", "--field-selector", "type=Warning", "--sort-by", "lastTimestamp"),
        )
        said = []
        for look in looks:
            asked = ["kubectl", "--namespace", self.namespace, *look]
            done = subprocess.run(asked, capture_output=True, text=True, check=False)
            said.append(done.stdout[-6_000:])
        return "\n".join(said)
