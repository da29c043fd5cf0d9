"""Which answers were late, and what part of that the machine had: pure."""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

from rendezvous_client.answers import SOURCES
from scoring.v1.answer_pb2 import Answer, Source

from examples.wine.demo.evidence import Evidence, Logged

_BY_TIMER: Final = SOURCES[Source.SOURCE_GATEWAY]


class Late(NamedTuple):
    """By how many milliseconds an answer missed its deadline; for *still_ms* the machine had stood still."""

    by_ms: float
    still_ms: float = 0.0

    @property
    def counts_ms(self) -> float:
        """What is held against the tolerance."""
        return self.by_ms - self.still_ms


def late_answers(
    evidence: Evidence, first: Mapping[str, Logged[Answer]], sla_us: int
) -> Iterator[tuple[str, Late]]:
    """Yield the ids of those of *first*, by id, that came after the deadline, and by how much."""
    for each, logged in first.items():
        asked_us = evidence.asked_us.get(each)
        if asked_us is None:
            # Answered, and yet not in `requests`: nothing says when it was asked.
            yield each, Late(float("inf"))
            continue
        deadline_us, given_us = asked_us + sla_us, _given_us(logged)
        if given_us > deadline_us:
            still_us = evidence.stood_still_us(asked_us, given_us)
            yield each, Late((given_us - deadline_us) / 1000, still_us / 1000)


def is_overtaken(evidence: Evidence, logged: Logged[Answer], tolerance_ms: float) -> bool:
    """
    Return whether the machine kept *logged* back until the gateway's own timer had answered its caller.

    From the answer in the log to the caller's took no more than *tolerance_ms* beside what the machine stood
    still since the question.
    """
    each = logged.message.id
    reply, asked_us = evidence.replies.get(each), evidence.asked_us.get(each)
    if reply is None or asked_us is None or reply.source != _BY_TIMER:
        return False
    given_us, replied_us = _given_us(logged), asked_us + round(reply.elapsed_ms * 1000)
    still_us = evidence.stood_still_us(asked_us, replied_us)
    return still_us > 0 and replied_us - given_us - still_us <= tolerance_ms * 1000


def _given_us(logged: Logged[Answer]) -> int:
    return max(logged.message.answered_at_us, logged.stamp_us)
