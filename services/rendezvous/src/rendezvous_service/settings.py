"""What the rendezvous can be told."""

from typing import ClassVar

from pydantic import Field
from rendezvous_engine.engine import Limits
from rendezvous_runtime.settings import BuildSettings, Port


class RendezvousSettings(BuildSettings):
    """The rendezvous's settings: what every service has, and the bounds of its memory, per partition."""

    service: ClassVar[str] = "rendezvous"

    web_port: Port = 6072
    early_hold_ms: int = Field(
        5_000, ge=1, description="how long a score that overtook its input waits for it"
    )
    early_scores: int = Field(50_000, ge=1, description="the most scores that wait for their inputs")
    answers_kept: int = Field(
        20_000, ge=1, description="at least so many of the last answers are known, for repeated requests"
    )
    open_mailboxes: int = Field(
        50_000, ge=1, description="with so many open, inputs are read no further until some have closed"
    )
    read_back_s: float = Field(
        60.0, ge=0, description="how far before the oldest open request answers are read back at a start"
    )

    def limits(self) -> Limits:
        """Return the bounds as the engine takes them."""
        return Limits(
            early_hold_us=self.early_hold_ms * 1_000,
            early_scores=self.early_scores,
            answers=self.answers_kept,
            mailboxes=self.open_mailboxes,
        )
