"""What a process that scores with models can be told."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode
from rendezvous_contracts.errors import BadNameError
from rendezvous_contracts.names import parse_model_id

from rendezvous_models.isolation import Isolate, Place
from rendezvous_models.settings_artifacts import ArtifactSettings, split
from rendezvous_models.worker_keeper import WorkerLimits


class ScoringSettings(ArtifactSettings):
    """
    The settings of a model container or a canary.

    Processes with different models must not share a group, for each has to see every input; so the default
    group is named after the models, and replicas of the same models share the partitions.
    """

    model: Annotated[tuple[str, ...], NoDecode] = Field(
        description="name@version of what to score with, comma-separated"
    )
    jvm_heap_mb: int = Field(default=512, ge=16, description="what a JVM may use for its objects, in MB")
    remote_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="hosts beside the loopback that remote models may be asked on, comma-separated: "
        "name, *.domain, address or network, each with or without :port",
    )
    remote_secrets: Path | None = Field(
        default=None, description="folder of the files that remote models may name as secrets"
    )
    remote_configs: Path | None = Field(
        default=None, description="folder of the model server configurations that remote models may change"
    )
    isolate: Isolate = Field(
        default=Isolate.LARGE,
        description="which models run in a worker process of their own: never, asked (those with the option "
        "isolation: process), large (those as well whose load would hold up what is served: of more than "
        "isolate_bytes, or the first one that needs a library or a JVM) or always",
    )
    isolate_bytes: int = Field(
        default=16 << 20, ge=0, description="the largest artifact of a model that is not large, in bytes"
    )
    worker_memory_mb: int = Field(
        default=0,
        ge=0,
        description="the resident memory at which a worker process is replaced, in MB; 0: no limit",
    )
    worker_timeout_s: float = Field(
        default=10.0, gt=0, description="the longest that a worker may take for a batch, in seconds"
    )
    worker_grace_s: float = Field(
        default=2.0,
        ge=0,
        description="how long a worker may still be at a batch whose time has run out, in seconds",
    )
    worker_load_s: float = Field(
        default=120.0, gt=0, description="how long a worker may take to load its model, in seconds"
    )
    max_batch: int = Field(default=256, ge=1, le=10_000, description="rows that a model is given at once")
    loaded_max_bytes: int = Field(
        default=0,
        ge=0,
        description="the most that the artifacts of loaded models may have together, in bytes; 0: no limit. "
        "Beyond it, those that are used least are unloaded until an input asks for them",
    )
    drain_s: float = Field(
        default=10.0, ge=0, description="how long a removed model still scores, in seconds"
    )

    @model_validator(mode="before")
    @classmethod
    def _name_after_models(cls, data: dict[str, object]) -> dict[str, object]:
        models = "_".join(split(data.get("model"), ",")).replace("@", ".")
        named = {"instance": f"{cls.service}-{models}-0", "group": f"rendezvous.{cls.service}.{models}"}
        return named | data

    @field_validator("model", "remote_hosts", mode="before")
    @classmethod
    def _names(cls, value: object) -> tuple[str, ...]:
        return split(value, ",")

    @model_validator(mode="after")
    def _are_models(self) -> Self:
        if not self.model:
            raise ValueError("RENDEZVOUS_MODEL names no model: give name@version, like wine-forest@3")
        if len(set(self.model)) < len(self.model):
            raise ValueError("RENDEZVOUS_MODEL names a model twice")
        for name in self.model:
            try:
                parse_model_id(name)
            except BadNameError as error:
                raise ValueError(f"RENDEZVOUS_MODEL: {error}") from error
        return self

    def place(self) -> Place:
        """Return where models are loaded, and what worker processes may take."""
        limits = WorkerLimits(
            memory_mb=self.worker_memory_mb,
            timeout_s=self.worker_timeout_s,
            grace_s=self.worker_grace_s,
            load_s=self.worker_load_s,
        )
        return Place(self.isolate, limits, self.isolate_bytes)
