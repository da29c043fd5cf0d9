"""Which revision answered what, and where one took over from the other: pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from examples.wine.demo.evidence import Evidence


class Switch(NamedTuple):
    """Where a revision first appears on a partition of `inputs`: its offset, and when it was stamped."""

    revision: int
    partition: int
    offset: int
    at_us: int


@dataclass(frozen=True)
class Revisions:
    """
    How the route's revisions followed each other.

    *answered*: by revision. *switches*: in order of time. *backward*: partitions of `inputs` on which a
    revision is followed by a lower one. *mixed*: requests with a score, answer or decision of another
    revision than their input's. *partitions*: how many partitions have inputs.
    """

    answered: Mapping[int, int]
    models: Mapping[int, Mapping[str, int]]
    switches: Sequence[Switch]
    backward: Sequence[int]
    mixed: Sequence[str]
    partitions: int


def revisions(evidence: Evidence) -> Revisions:
    """Return how revisions followed each other in *evidence*."""
    switches: list[Switch] = []
    backward: set[int] = set()
    newest: dict[int, int] = {}
    for partition, offset, _, _, message in sorted(evidence.inputs, key=lambda each: each[:2]):
        known = newest.get(partition, 0)
        if message.revision < known:
            backward.add(partition)
        elif message.revision > known:
            newest[partition] = message.revision
            switches.append(Switch(message.revision, partition, offset, message.extracted_at_us))
    answered = Counter((each.message.revision, each.message.model or "default") for each in evidence.answers)
    totals = Counter(each.message.revision for each in evidence.answers)
    return Revisions(
        answered=dict(sorted(totals.items())),
        models={
            number: {model: answered[at, model] for at, model in sorted(answered) if at == number}
            for number in sorted(totals)
        },
        switches=sorted(switches, key=lambda each: each.at_us),
        backward=sorted(backward),
        mixed=_mixed(evidence),
        partitions=len(newest),
    )


def problems(found: Revisions, *, last: int) -> list[str]:
    """Return, in words, what is wrong with how revisions followed each other; *last* is to be the newest."""
    wrong = [f"partition {number}: an older revision follows a newer one" for number in found.backward]
    if found.mixed:
        wrong.append(
            f"{len(found.mixed)} requests were not handled under one revision: {found.mixed[0]}, ..."
        )
    passed = sum(switch.revision == last for switch in found.switches)
    if passed < found.partitions:
        wrong.append(f"revision {last} has passed {passed} of {found.partitions} partitions")
    if not found.answered.get(last):
        wrong.append(f"revision {last} answered nothing")
    return wrong


def _mixed(evidence: Evidence) -> list[str]:
    stamped = {each.message.id: each.message.revision for each in evidence.inputs}
    said = [
        *((each.message.request_id, each.message.revision) for each in evidence.scores),
        *((each.message.id, each.message.revision) for each in evidence.answers),
        *((each.message.answer.id, each.message.answer.revision) for each in evidence.decisions),
    ]
    return sorted({each for each, revision in said if stamped.get(each, revision) != revision})
