"""What the feature-extractor can be told."""

from typing import ClassVar

from pydantic import Field
from rendezvous_runtime.kafka import MAX_RECORD_BYTES
from rendezvous_runtime.settings import BuildSettings, Port


class ExtractorSettings(BuildSettings):
    """The feature-extractor's settings: what every service has, and how large an input may be."""

    service: ClassVar[str] = "feature-extractor"

    web_port: Port = 6071
    max_input_bytes: int = Field(
        900_000,
        ge=10_000,
        le=MAX_RECORD_BYTES - 10_000,
        description="largest input; a request that needs a larger one has no features, and its reason",
    )
