"""What the local stack can be told."""

from pathlib import Path

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from rendezvous_local.errors import LocalError

ENV_PREFIX = "RENDEZVOUS_LOCAL_"


class LocalSettings(BaseSettings):
    """The settings of the local stack, read from RENDEZVOUS_LOCAL_* once; a port of 0 is any free one."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid"
    )

    data_dir: Path = Field(default=Path(".data"), description="the topics, the archive, the logs")
    kafka_port: int = Field(default=9092, ge=0, le=65_535, description="port of the Kafka broker")
    kafka_heap: str = Field(default="512m", pattern=r"^[1-9][0-9]*[kmgKMG]$", description="the JVM's -Xmx")
    kafka_short_lived: bool = Field(
        default=False, description="the broker compiles less: cheaper for some minutes, dearer for hours"
    )
    gateway_port: int = Field(default=8080, ge=0, le=65_535, description="port that requests are sent to")
    partitions: int = Field(default=4, ge=1, le=1_000, description="of each per-request topic, P")
    artifact_dir: Path = Field(default=Path(), description="what is below it may hold model artifacts")
    ready_timeout_s: float = Field(default=90.0, gt=0, description="seconds until all has to be ready")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")


def read_local_settings() -> LocalSettings:
    """Return the settings from the environment; raises LocalError that names each bad one."""
    try:
        return LocalSettings()
    except ValidationError as error:
        problems = (
            f"{ENV_PREFIX}{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()
        )
        raise LocalError(f"cannot start with these settings: {'; '.join(problems)}") from None
