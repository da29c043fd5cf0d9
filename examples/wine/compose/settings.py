"""What the containers of the example are told, by their environment."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from rendezvous_client.kafka import Kafka, security_options

ROUTE: Final = "wine"
_SILENCE_S: Final = 30.0  # a broker that has just begun, among ten others that do, may take its time


@dataclass(frozen=True)
class Settings:
    """
    Where everything is.

    *trained*: what examples.wine.train wrote. *models*: where the model containers read the documents that
    are too large for a message. *gateway*: its address.
    """

    kafka: Kafka
    gateway: str
    trained: Path
    models: Path

    @classmethod
    def read(cls) -> Self:
        """Return the settings of this process."""
        servers = os.environ.get("RENDEZVOUS_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
        return cls(
            kafka=Kafka(servers, security_options(os.environ), _SILENCE_S),
            gateway=os.environ.get("RENDEZVOUS_GATEWAY", "http://127.0.0.1:8080"),
            trained=Path(os.environ.get("WINE_TRAINED", "build/wine")),
            models=Path(os.environ.get("WINE_MODELS", "build/wine")),
        )
