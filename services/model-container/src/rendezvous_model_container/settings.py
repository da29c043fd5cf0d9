"""What a model container can be told."""

from typing import ClassVar

from rendezvous_models.settings import ScoringSettings
from rendezvous_runtime.settings import Port


class ContainerSettings(ScoringSettings):
    """A model container's settings are those of everything that scores; its web port is any free one."""

    service: ClassVar[str] = "model-container"

    web_port: Port = 0
