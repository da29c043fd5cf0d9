"""What a canary can be told."""

from typing import ClassVar

from pydantic import Field
from rendezvous_models.settings import ScoringSettings
from rendezvous_runtime.settings import Port


class CanarySettings(ScoringSettings):
    """A canary's settings: those of everything that scores, and how long it waits to compare."""

    service: ClassVar[str] = "canary"

    web_port: Port = 6074
    compare_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="how long scores of one request wait for each other, in seconds",
    )
    compare_requests: int = Field(
        default=100_000, ge=1, description="requests whose scores wait at the same time; the oldest give way"
    )
