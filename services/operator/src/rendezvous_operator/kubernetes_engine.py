"""
Containers as Deployments of a Kubernetes cluster, through its API.

Each is a Deployment of one pod, so that what is killed comes back while the operator is away. They are this
operator's by a label, so that an operator that comes back adopts what runs, and they go with an owner: who
uninstalls that, ends them. The pod is a template in a file, for whoever installs the operator to write: a
deployment chooses the model and its limits, and nothing that would give it rights.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.config.config_exception import ConfigException
from urllib3.exceptions import HTTPError

from rendezvous_operator.backend import BackendError, unknown_options
from rendezvous_operator.goals import CONTAINER_OPTIONS, Wanted
from rendezvous_operator.images import image_of, misshapen
from rendezvous_operator.kubernetes_objects import (
    OWNER,
    Crash,
    Json,
    crashes,
    found,
    manifest,
    object_name,
    owner_reference,
)
from rendezvous_operator.kubernetes_pod import read_pod
from rendezvous_operator.seen import Found
from rendezvous_operator.settings import OperatorSettings

_OPTIONS: Final = CONTAINER_OPTIONS | {"cpus", "memory"}
_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_TIMEOUT_S: Final = 10
_POLL_S: Final = 0.2
_LOG_TAIL: Final = 400
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_RAW: Final[dict[str, Any]] = {"_preload_content": False, "_request_timeout": _TIMEOUT_S}
# A template with a misspelt field is refused instead of half obeyed.
_STRICT: Final[dict[str, Any]] = {"field_validation": "Strict", "_request_timeout": _TIMEOUT_S}


class KubernetesBackend:
    """
    The Deployments of one namespace of the cluster that this process runs in, or that KUBECONFIG names.

    Raises SettingsError if the template of the pods cannot be read.
    """

    def __init__(self, settings: OperatorSettings) -> None:
        self._settings = settings
        self._pod = read_pod(settings.kubernetes_pod)
        self._namespace = settings.kubernetes_namespace or _own_namespace()
        self._client: Any = None
        self._owned_by: list[Json] = []
        self._last_words: dict[Crash, str] = {}

    def problem(self, wanted: Wanted) -> str:
        """Return why *wanted* can never be started here, or an empty text."""
        return (
            misshapen(wanted)
            or unknown_options(wanted, _OPTIONS, "kubernetes")
            or image_of(wanted, self._settings.kubernetes_image)[1]
        )

    def find(self) -> Sequence[Found]:
        """Return every Deployment of the namespace, those of others too: their names are taken."""
        with self._explained("list the Deployments and pods"):
            deployments = self._list(self._apps.list_namespaced_deployment)
            mine = f"{OWNER}={self._settings.owner}"
            pods = self._list(self._core.list_namespaced_pod, label_selector=mine)
        seen = found(deployments, pods, self._settings.owner)
        words = self._hear(crashes(pods, self._settings.owner))
        said = (words.get(each.name, "") for each in seen)
        return [
            replace(each, trouble=f"{each.trouble}: {last}") if last else each
            for each, last in zip(seen, said, strict=True)
        ]

    def start(self, wanted: Wanted) -> None:
        """Start *wanted*; the cluster pulls the image as the template says."""
        name = object_name(self._settings.owner, wanted.name)
        body = manifest(
            wanted,
            self._pod,
            owner=self._settings.owner,
            image=image_of(wanted, self._settings.kubernetes_image)[0],
            stop_s=round(self._settings.stop_s),
            owned_by=self._owner(),
        )
        with self._explained(f"start {wanted.name}"):
            old = self._ours(wanted.name)
            if old is None:
                self._apps.create_namespaced_deployment(self._namespace, body, **_STRICT)
            else:
                self._apps.replace_namespaced_deployment(name, self._namespace, body, **_STRICT)

    def stop(self, name: str) -> None:
        """Ask it to end in order; its Deployment is there until its pod has ended."""
        self.remove(name)

    def remove(self, name: str) -> None:
        """Delete it, if it is there."""
        with self._explained(f"delete {name}"):
            if self._ours(name) is not None:
                self._apps.delete_namespaced_deployment(
                    object_name(self._settings.owner, name),
                    self._namespace,
                    propagation_policy="Foreground",
                    _request_timeout=_TIMEOUT_S,
                )

    def close(self, *, end: bool) -> None:
        """Let go of the containers, or end them first."""
        if end:
            for name in self._names():
                self.stop(name)
            patience = time.monotonic() + self._settings.stop_s + _TIMEOUT_S
            while self._names() and time.monotonic() < patience:
                time.sleep(_POLL_S)
        if self._client is not None:
            self._client.close()
            self._client = None

    def _names(self) -> list[str]:
        return [each.name for each in self.find() if each.ours]

    def _owner(self) -> list[Json]:
        """Return the reference to the Deployment that all go with, if one is named."""
        name = self._settings.kubernetes_owned_by
        if name and not self._owned_by:
            with self._explained(f"read the Deployment {name}, which models go with"):
                self._owned_by = [owner_reference(self._read(name))]
        return self._owned_by

    def _ours(self, instance: str) -> Json | None:
        """Return the Deployment of *instance*; raises BackendError if it is another's."""
        name = object_name(self._settings.owner, instance)
        try:
            deployment = self._read(name)
        except ApiException as error:
            if error.status == _NOT_FOUND:
                return None
            raise
        if (deployment["metadata"].get("labels") or {}).get(OWNER) != self._settings.owner:
            raise BackendError(f"the Deployment {name} is not ours: delete it, or rename it")
        return deployment

    def _read(self, name: str) -> Json:
        return _json(self._apps.read_namespaced_deployment(name, self._namespace, **_RAW))

    def _list(self, ask: Any, **options: str) -> list[Json]:
        # The client's own classes cost ten times what the JSON does, twice a second.
        items: list[Json] = _json(ask(self._namespace, **options, **_RAW)).get("items") or []
        return items

    def _hear(self, crashed: Sequence[Crash]) -> dict[str, str]:
        """Return the last line that each of the *crashed* wrote; asked once for each time that it ended."""
        self._last_words = {crash: self._last_words.get(crash) or self._log(crash) for crash in crashed}
        return {crash.instance: line for crash, line in self._last_words.items() if line}

    def _log(self, crash: Crash) -> str:
        try:
            text = self._core.read_namespaced_pod_log(
                crash.pod,
                self._namespace,
                container=crash.container,
                tail_lines=1,
                limit_bytes=4 * _LOG_TAIL,
                _request_timeout=_TIMEOUT_S,
            )
        except (ApiException, HTTPError):
            return ""  # it is gone, or its log is: how it ended is known without it
        return str(text).strip()[-_LOG_TAIL:]

    @property
    def _apps(self) -> Any:
        return client.AppsV1Api(self._connected())

    @property
    def _core(self) -> Any:
        return client.CoreV1Api(self._connected())

    def _connected(self) -> Any:
        if self._client is None:
            settings = client.Configuration()
            if os.environ.get("KUBERNETES_SERVICE_HOST"):
                config.load_incluster_config(settings)
            else:
                config.load_kube_config(client_configuration=settings)
            settings.retries = False
            self._client = client.ApiClient(settings)
        return self._client

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        try:
            yield
        except ApiException as error:
            raise BackendError(f"cannot {what}: {_said(error)}") from error
        except (HTTPError, OSError) as error:
            raise BackendError(f"cannot {what}: the cluster does not answer ({error})") from error
        except ConfigException as error:
            raise BackendError(f"no cluster: {error}; run in one, or set KUBECONFIG") from error


def _own_namespace() -> str:
    try:
        return _ACCOUNT.read_text(encoding="utf-8").strip()
    except OSError:
        return "default"


def _json(response: Any) -> Json:
    return dict(json.loads(response.data))


def _said(error: ApiException) -> str:
    """Return what the cluster says, and what to do where that is known."""
    try:
        message = str(json.loads(error.body)["message"])
    except (TypeError, ValueError, KeyError):
        message = str(error.reason)
    if error.status == _FORBIDDEN and "cannot" in message:
        return f"{message}; the Role of the chart (operator.rbac.create) would let it"
    return message
