"""Has the operator run a model: a message, and the wait for what it brings about."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml
from rendezvous_client import StatusReader, read_state
from rendezvous_client.status import Heard
from scoring.v1.status_pb2 import DeploymentState, DeploymentStatus

from examples.wine.compose.command_line import start
from examples.wine.compose.settings import Settings

DOCUMENT: Final = Path(__file__).with_name("deployment.yaml")
PATIENCE_S: Final = 90.0
_EVERY_S: Final = 0.5
_ENDED: Final = (DeploymentState.DEPLOYMENT_STATE_READY, DeploymentState.DEPLOYMENT_STATE_FAILED)


class NotDeployedError(Exception):
    """The model does not run; str() says why."""


def deployed_model() -> str:
    """Return the model that DOCUMENT is about."""
    return _document()["model"]


def deploy(settings: Settings) -> float:
    """Publish DOCUMENT, and return after how many seconds it is ready; raises NotDeployedError."""
    began = time.monotonic()
    if start("apply", "-f", str(DOCUMENT), "--author", "demo", "--reason", "a demo").wait() != 0:
        raise NotDeployedError("the deployment was not accepted")
    name = _document()["deployment"]
    generation = read_state(settings.kafka).deployments[name].generation
    status = None
    with StatusReader(settings.kafka) as reader:
        while time.monotonic() < began + PATIENCE_S:
            status = _newest(reader.catch_up(), name, generation)
            if status is not None and status.state in _ENDED:
                break
            time.sleep(_EVERY_S)
    if status is None:
        raise NotDeployedError(f"no operator says anything of {name}: is one running?")
    if status.state != DeploymentState.DEPLOYMENT_STATE_READY:
        raise NotDeployedError(f"{name} is not ready: {status.reason}")
    return time.monotonic() - began


def _document() -> dict[str, str]:
    document: dict[str, str] = yaml.safe_load(DOCUMENT.read_text(encoding="utf-8"))
    return document


def _newest(heard: Mapping[str, Heard], name: str, generation: int) -> DeploymentStatus | None:
    """Return what a live operator says of *name* as it is wanted now."""
    live = (each.status for each in heard.values() if each.is_live(time.time()))
    said = (each for status in live for each in status.deployments if each.deployment == name)
    return next((each for each in said if each.generation == generation), None)
