"""The services of the local stack, as data: what runs, and what each is told."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from rendezvous_contracts.names import ModelId

from rendezvous_local.probe import http_ready
from rendezvous_local.process import ProcessSpec

HOST: Final = "127.0.0.1"
_WORKERS: Final = 1  # the stage after the broker
_DOORS: Final = 2  # what takes requests in ends first
# Who scores gives way to who answers: a model that loads, or is slow, costs nothing but its own score.
SCORING_NICENESS: Final = 10


@dataclass(frozen=True)
class Service:
    """One process of a service: its name in the stack, the module it runs, its own settings, its priority."""

    name: str
    module: str
    stage: int = _WORKERS
    env: dict[str, str] = field(default_factory=dict)
    niceness: int = 0


@dataclass(frozen=True)
class Surroundings:
    """What every service of a stack is told alike."""

    bootstrap_servers: str
    data_dir: Path
    log_level: str


def core_services(gateway_port: int, archive_dir: Path, artifact_dir: Path) -> tuple[Service, ...]:
    """Return the services that run whatever models there are; those of deployments read *artifact_dir*."""
    return (
        Service("feature-extractor", "rendezvous_feature_extractor"),
        Service("rendezvous", "rendezvous_service"),
        Service(
            "decoy",
            "rendezvous_decoy",
            env={"RENDEZVOUS_ARCHIVE_DIR": str(archive_dir)},
            niceness=SCORING_NICENESS,
        ),
        # It drains what it has started when it is stopped; however it ends, that ends with this process.
        Service(
            "operator",
            "rendezvous_operator",
            env={
                "RENDEZVOUS_ARTIFACT_ROOTS": str(artifact_dir),
                "RENDEZVOUS_GUARDIAN": str(os.getpid()),
                "RENDEZVOUS_LEAVE_RUNNING": "false",
                "RENDEZVOUS_STOP_S": "10",
            },
        ),
        Service("gateway", "rendezvous_gateway", _DOORS, {"RENDEZVOUS_HTTP_PORT": str(gateway_port)}),
    )


def model_service(model: ModelId, artifact_dir: Path, *, canary: bool = False) -> Service:
    """Return the container of one model, or the canary; it may read artifacts below *artifact_dir*."""
    kind, module = (
        ("canary", "rendezvous_canary") if canary else ("model-container", "rendezvous_model_container")
    )
    name = f"{kind}-{model.name}.{model.version}"  # a model's name has no dot: no two are called alike
    env = {"RENDEZVOUS_MODEL": str(model), "RENDEZVOUS_ARTIFACT_ROOTS": str(artifact_dir)}
    return Service(name, module, env=env, niceness=SCORING_NICENESS)


def process_of(service: Service, around: Surroundings, web_port: int) -> ProcessSpec:
    """Return the process that runs *service*, its health, metrics and state on *web_port*."""
    env = {
        "RENDEZVOUS_BOOTSTRAP_SERVERS": around.bootstrap_servers,
        "RENDEZVOUS_INSTANCE": f"{service.name}-0",
        "RENDEZVOUS_WEB_PORT": str(web_port),
        "RENDEZVOUS_DATA_DIR": str(around.data_dir / service.name),
        "RENDEZVOUS_LOG_LEVEL": around.log_level,
        "PYTHONUNBUFFERED": "1",
        **service.env,
    }
    return ProcessSpec(
        service.name,
        (sys.executable, "-m", service.module),
        MappingProxyType(env),
        http_ready(f"http://{HOST}:{web_port}/health/ready"),
        service.stage,
        niceness=service.niceness,
    )
