"""What a process that reads model artifacts can be told: from where, how large, how long."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode
from rendezvous_runtime.settings import ServiceSettings

from rendezvous_models.addresses import Guard
from rendezvous_models.archives import ArchiveLimits
from rendezvous_models.artifacts import ArtifactRules


class ArtifactSettings(ServiceSettings):
    """From where artifacts may come and how large they may be; by default, from the control log only."""

    artifact_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        default=(), description=f"directories that model locations may name, separated by {os.pathsep!r}"
    )
    artifact_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="where else model locations may lead, comma-separated: https://host, http://host:port, "
        "https://*.domain, s3://bucket, gs://bucket, az://container",
    )
    artifact_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="networks that are not public and yet may be read from over http and https, "
        "comma-separated, like 10.0.0.0/8",
    )
    artifact_max_bytes: int = Field(
        default=256 << 20, ge=1, description="the largest model artifact, in bytes"
    )
    artifact_data_max_bytes: int = Field(
        default=8 << 20, ge=0, description="the largest model artifact inside a control message, in bytes"
    )
    artifact_unpacked_max_bytes: int = Field(
        default=1 << 30, ge=1, description="the most that an archive may unpack to, in bytes"
    )
    artifact_cache_max_bytes: int = Field(
        default=4 << 30, ge=1, description="the most that private copies of artifacts may take, in bytes"
    )
    artifact_timeout_s: float = Field(
        default=600.0, gt=0, description="how long a download may take, in seconds"
    )

    @field_validator("artifact_roots", mode="before")
    @classmethod
    def _roots(cls, value: object) -> tuple[str, ...]:
        return split(value, os.pathsep)

    @field_validator("artifact_origins", "artifact_networks", mode="before")
    @classmethod
    def _lists(cls, value: object) -> tuple[str, ...]:
        return split(value, ",")

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        self.artifact_rules()
        needed = self.artifact_max_bytes + self.artifact_unpacked_max_bytes
        if self.artifact_cache_max_bytes < needed:
            raise ValueError(
                f"RENDEZVOUS_ARTIFACT_CACHE_MAX_BYTES is {self.artifact_cache_max_bytes}: give it at least "
                f"{needed}, one artifact and what it may unpack to"
            )
        return self

    def artifact_rules(self) -> ArtifactRules:
        """Return the rules of a store; raises ValueError for an origin or a network that is none."""
        return ArtifactRules(
            roots=self.artifact_roots,
            guard=Guard(self.artifact_origins, self.artifact_networks),
            max_bytes=self.artifact_max_bytes,
            max_data_bytes=self.artifact_data_max_bytes,
            max_cache_bytes=self.artifact_cache_max_bytes,
            archives=ArchiveLimits(max_bytes=self.artifact_unpacked_max_bytes),
            timeout_s=self.artifact_timeout_s,
        )


def split(value: object, separator: str) -> tuple[str, ...]:
    """Return the parts of a text from the environment, or of what a caller gave as a sequence."""
    parts = value.split(separator) if isinstance(value, str) else map(str, _sequence(value))
    return tuple(filter(None, map(str.strip, parts)))


def _sequence(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else ()
