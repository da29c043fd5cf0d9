"""What messages of other systems have in common once they are control messages. Pure."""

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from scoring.v1.control_pb2 import Artifact, Control

from rendezvous_contracts.changes import Change, put_change
from rendezvous_contracts.errors import ForeignMessageError

_NAME_LENGTH: Final = 63
_OTHER: Final = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Foreign:
    """
    A control message made of a foreign record.

    *topic*, *partition*, *offset*: of that record; they make the id, so that a record that is read again has
    no second effect. *author*: in whose name. *at_us*: when it happened, microseconds since the epoch.
    """

    topic: str
    partition: int
    offset: int
    author: str
    at_us: int

    def ask(self, change: Change, at_us: int | None = None) -> Control:
        """Return the message that asks for *change*; *at_us*: if the record itself says when it happened."""
        message = Control(
            id=f"{self.topic}/{self.partition}/{self.offset}",
            author=self.author,
            at_us=self.at_us if at_us is None else at_us,
            reason=f"published to the topic {self.topic}",
        )
        put_change(message, change)
        return message


def foreign_name(text: str) -> str:
    """Return *text* as models and routes can be named; raises ForeignMessageError if nothing is left."""
    name = _OTHER.sub("-", text.lower()).strip("-")[:_NAME_LENGTH].strip("-")
    if not name:
        raise ForeignMessageError(f"{text[:80]!r} has no letter and no digit to make a name of")
    return name


def foreign_artifact(content: bytes, location: str) -> Artifact:
    """Return the artifact with *content*, which lies at *location* or, if that is empty, travels with it."""
    digest = sha256(content).digest()
    if location:
        return Artifact(location=location, sha256=digest, size=len(content))
    return Artifact(data=content, sha256=digest, size=len(content))
