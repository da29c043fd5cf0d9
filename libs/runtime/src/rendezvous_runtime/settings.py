"""What every service can be told, read once at its start from the environment (RENDEZVOUS_*)."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from rendezvous_contracts.errors import BadNameError
from rendezvous_contracts.names import DEFAULT_BUILD, check_build

from rendezvous_runtime.errors import SettingsError

ENV_PREFIX = "RENDEZVOUS_"

Port = Annotated[int, Field(ge=0, le=65_535)]  # 0: any that is free
_NAME = r"^[A-Za-z0-9._-]{1,200}$"


class KafkaSettings(BaseSettings):
    """Where the broker is and how to be let in."""

    model_config = SettingsConfigDict(
        frozen=True, env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="forbid", validate_default=True
    )

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", min_length=1, description="host:port, comma-separated"
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    sasl_username: str | None = None
    sasl_password: SecretStr | None = None
    ssl_ca_location: Path | None = Field(
        default=None, description="PEM of who signed the broker; none: the system's"
    )
    ssl_certificate_location: Path | None = Field(
        default=None, description="PEM of this client's certificate"
    )
    ssl_key_location: Path | None = Field(default=None, description="PEM of this client's key")
    ssl_key_password: SecretStr | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.security_protocol.startswith("SASL") and not (self.sasl_username and self.sasl_password):
            raise ValueError(f"{self.security_protocol} needs sasl_username and sasl_password")
        if bool(self.ssl_certificate_location) != bool(self.ssl_key_location):
            raise ValueError("ssl_certificate_location and ssl_key_location go together")
        return self


class ServiceSettings(KafkaSettings):
    """
    What every service can be told; each subclasses this with its name, its port and its own fields.

    Frozen. An unknown argument, or a value that cannot be, is refused at the start. On *web_host* and
    *web_port* it serves its health, metrics and state.
    """

    service: ClassVar[str]
    # Whether somebody waits for what the service makes of a record.
    hurried: ClassVar[bool] = True

    instance: str = Field(
        default="", pattern=_NAME, description="this process among its like; default <service>-0"
    )
    group: str = Field(default="", pattern=_NAME, description="consumer group; default rendezvous.<service>")
    web_host: str = Field(default="127.0.0.1", description="address of health, metrics and state")
    web_port: Port = 0
    data_dir: Path = Field(default=Path("data"), description="what the process may keep on disk")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] = "json"
    control_keys: Path | None = Field(
        default=None, description="key ring; with one, unsigned and forged control messages are refused"
    )
    session_timeout_ms: int = Field(
        default=6_000, ge=1_000, description="silence after which the group lets go of it"
    )
    grace_s: float = Field(
        default=10.0, gt=0, le=600, description="the longest that a stop may take, in seconds"
    )
    heartbeat_s: float = Field(
        default=1.0, gt=0, le=60, description="time between two messages on status, in seconds"
    )

    traces_endpoint: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+(/\S*)?$",
        description="where spans go by OTLP over HTTP, like http://127.0.0.1:4318/v1/traces; none: no traces",
    )

    @model_validator(mode="before")
    @classmethod
    def _name(cls, data: dict[str, object]) -> dict[str, object]:
        return {"instance": f"{cls.service}-0", "group": f"rendezvous.{cls.service}"} | data


def _check_build(text: str) -> str:
    try:
        return check_build(text)
    except BadNameError as error:
        raise ValueError(str(error)) from None


class BuildSettings(ServiceSettings):
    """
    The settings of a service of which several builds can read the stream, of which one speaks.

    Each build is a group of its own, so that it sees every record.
    """

    build: Annotated[str, AfterValidator(_check_build)] = Field(
        default="",
        description="which build this is, as `rendezvous promote-build` names it; none: the default one",
    )

    @model_validator(mode="before")
    @classmethod
    def _name_after_build(cls, data: dict[str, object]) -> dict[str, object]:
        build = str(data.get("build") or "")
        if build in ("", DEFAULT_BUILD):
            return data
        return {"instance": f"{cls.service}-{build}-0", "group": f"rendezvous.{cls.service}.{build}"} | data


Settings = TypeVar("Settings", bound=KafkaSettings)


def read_settings(kind: type[Settings]) -> Settings:
    """Return the settings of *kind* from the environment; raises SettingsError that names each bad one."""
    try:
        return kind()
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    """Say which variable is wrong and why, without its value: it may be a secret."""
    problems = [
        f"{ENV_PREFIX}{'_'.join(map(str, each['loc'])).upper()}: {each['msg']}"
        if each["loc"]
        else each["msg"].removeprefix("Value error, ")
        for each in error.errors(include_input=False, include_url=False)
    ]
    return "cannot start with these settings; correct the environment: " + "; ".join(problems)
