"""What an operator can be told."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator
from pydantic_settings import NoDecode
from rendezvous_runtime.settings import Port, ServiceSettings


class OperatorSettings(ServiceSettings):
    """An operator's settings: where it runs containers, and what they are told."""

    service: ClassVar[str] = "operator"

    web_port: Port = 6076
    backend: Literal["local", "docker", "kubernetes"] = Field(
        default="local", description="what runs the containers"
    )
    every_s: float = Field(
        default=0.5, gt=0, le=60, description="time between two looks at what runs, in seconds"
    )
    leave_running: bool = Field(
        default=True, description="whether containers go on when the operator is stopped in order"
    )
    stop_s: float = Field(
        default=10.0, gt=0, le=600, description="how long a container may take to end, in seconds"
    )
    operator_author: str = Field(
        default="operator", min_length=1, max_length=128, description="in whose name it steps roll-outs"
    )
    operator_key: Path | None = Field(
        default=None, description="private key (PEM) with which it signs what it says in the control log"
    )
    read_back_s: float = Field(
        default=3_600.0,
        gt=0,
        description="after a start, how much of a step's decisions it reads again at most, in seconds",
    )
    guardian: int = Field(
        default=0,
        ge=0,
        description="local: id of the process with which all containers end, however it does; 0: none",
    )
    owner: str = Field(
        default="rendezvous",
        # That of names of compose projects.
        pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$",
        description="docker, kubernetes: the label by which containers are this operator's",
    )
    docker_image: str = Field(
        default="rendezvous/model-container:0.1.0-{runtime}",
        description="docker: the image; {runtime} is pmml, onnx, tensorflow or remote",
    )
    docker_network: str = Field(default="", description="docker: the network; empty: the engine's default")
    docker_bootstrap_servers: str = Field(
        default="", description="docker: where containers reach the broker; empty: where the operator does"
    )
    docker_models: str = Field(
        default="", description="docker: volume or folder with artifacts, shown to containers as /models"
    )
    docker_memory: str = Field(default="640m", description="docker: the most memory that a container gets")
    docker_forward: Annotated[tuple[str, ...], NoDecode] = Field(
        default=("SECURITY_PROTOCOL", "SASL_MECHANISM", "SASL_USERNAME", "SASL_PASSWORD", "LOG_LEVEL"),
        description="docker: which of its own RENDEZVOUS_ variables containers are given too, by comma",
    )
    kubernetes_pod: Path | None = Field(
        default=None,
        description="kubernetes: file with the template of the pods, of which the first container scores",
    )
    kubernetes_image: str = Field(
        default="rendezvous/model-container:0.1.0-{runtime}",
        description="kubernetes: the image; {runtime} is pmml, onnx, tensorflow or remote",
    )
    kubernetes_namespace: str = Field(
        default="", description="kubernetes: where models run; empty: where the operator does"
    )
    kubernetes_owned_by: str = Field(
        default="", description="kubernetes: the Deployment with which all models go; empty: they stay"
    )

    @field_validator("docker_forward", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return tuple(filter(None, map(str.strip, value.split(",")))) if isinstance(value, str) else value
