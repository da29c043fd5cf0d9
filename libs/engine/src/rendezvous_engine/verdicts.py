"""How an answer was decided."""

from dataclasses import dataclass, field
from typing import Final

from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.input_pb2 import InputHead


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """
    How an answer was decided, without what differs from request to request.

    There is one object for each way to decide under a revision, compared by identity, so that counting by
    verdict and encoding it cost next to nothing.
    """

    route: str
    revision: int
    source: "Source.ValueType"
    model: str = ""
    tier: int = 0
    rule: str = ""
    _encoded: dict[str, bytes] = field(default_factory=dict, repr=False)

    def encode(self, head: InputHead, reason: str = "") -> bytes:
        """Return its part of the Answer to *head*."""
        if reason:
            return self._encode(head, reason)
        extractor = head.extractor
        encoded = self._encoded.get(extractor)
        if encoded is None:
            # A revision has one extractor; more names are somebody's mistake, and not worth memory.
            self._encoded.clear()
            encoded = self._encoded[extractor] = self._encode(head, "")
        return encoded

    def _encode(self, head: InputHead, reason: str) -> bytes:
        return Answer(
            route=head.route, revision=head.revision, extractor=head.extractor, source=self.source,
            model=self.model, tier=self.tier, rule=self.rule, reason=reason,
        ).SerializeToString()  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pin:
    """
    The model (name@version) that a request wants to be answered by, and how its answer was decided then.

    It has the time to the deadline to itself; when it has failed, or *problem* says from the start why it
    cannot answer, the schedule decides.
    """

    model: str
    verdict: Verdict
    problem: str = ""


# Where there is no route to speak of, and so nothing to count it under.
REFUSED: Final = Verdict("", 0, Source.SOURCE_REFUSED, rule="refused")

# A verdict, the encoded outputs to answer with, and why it is not a model's score.
Choice = tuple[Verdict, bytes, str]
