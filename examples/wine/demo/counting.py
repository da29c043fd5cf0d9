"""
Counts what became of every request, and judges it. Pure: only what the log and the archive say counts.

An answer is in time if both its own stamp and the broker's (when the record was appended) lie before the
deadline plus the tolerance; the deadline is counted from the request's stamp in `requests`, so it needs no
word of the service that is judged. Time for which the machine stood still while a request was under way does
not count.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from rendezvous_client.answers import SOURCES
from rendezvous_contracts.values import from_fields
from scoring.v1.answer_pb2 import Answer

from examples.wine.demo.evidence import HTTP, Evidence, Logged, Reply
from examples.wine.demo.lateness import Late, is_overtaken, late_answers

# Deadlines are kept by a timer that the system may serve late: on two cores shared by a broker, five JVMs and
# seven Python processes a runnable thread waits milliseconds for its turn. The engine itself aims at 2 ms.
TOLERANCE_MS: Final = 10

_SHOWN: Final = 3

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class Counts:
    """
    What became of the requests of one run.

    *late*: the answers that missed the deadline, by id, beyond the tolerance too; *by_the_machine* of them
    did so by more than the tolerance only because the machine stood still. *overtaken*: callers whom the
    gateway's timer answered for the same reason. *repeats* are further answers to one question with the
    same bytes, *contradictions* those with others.
    *strangers*: answers to what nobody sent. *unlike*: callers of the gateway who got an error, or another
    answer than the log has.
    """

    sent: int
    answered: int
    within_sla: int
    lost: Collection[str]
    late: Mapping[str, Late]
    by_the_machine: int
    overtaken: Collection[str]
    repeats: Collection[str]
    contradictions: Collection[str]
    strangers: Collection[str]
    unlike: Mapping[str, str]
    by_tier: Mapping[int, int]
    by_source: Mapping[str, int]
    by_model: Mapping[str, int]
    by_way: Mapping[str, int]
    archived: int
    archived_decisions: int
    not_archived: Collection[str]
    archive_defects: Collection[str]
    dead_letters: int
    undecodable: int

    @property
    def duplicates(self) -> int:
        """How many answers there are beside the first of each question."""
        return len(self.repeats) + len(self.contradictions)


def count(evidence: Evidence, *, sla_us: int, tolerance_ms: float = TOLERANCE_MS) -> Counts:
    """Return what became of the requests in *evidence*, each to be answered within *sla_us*."""
    by_id: defaultdict[str, list[Logged[Answer]]] = defaultdict(list)
    for logged in sorted(evidence.answers):
        by_id[logged.message.id].append(logged)
    first = {each: found[0] for each, found in by_id.items() if each in evidence.sent}
    late = dict(late_answers(evidence, first, sla_us))
    overtaken = [each for each in first if is_overtaken(evidence, first[each], tolerance_ms)]
    effective = [logged.message for logged in first.values()]
    archived = evidence.archived
    return Counts(
        sent=len(evidence.sent),
        answered=len(first),
        within_sla=len(first) - sum(by.counts_ms > tolerance_ms for by in late.values()),
        lost=sorted(evidence.sent.keys() - first.keys()),
        late=late,
        by_the_machine=sum(by.by_ms > tolerance_ms >= by.counts_ms for by in late.values()),
        overtaken=overtaken,
        repeats=[each for each, found in by_id.items() for other in found[1:] if other.raw == found[0].raw],
        contradictions=[
            each for each, found in by_id.items() for other in found[1:] if other.raw != found[0].raw
        ],
        strangers=sorted(by_id.keys() - evidence.sent.keys()),
        unlike={each: got for each, got in _unlike(evidence, first) if each not in overtaken},
        by_tier=_sorted(answer.tier for answer in effective),
        by_source=_sorted(SOURCES.get(answer.source, "unknown") for answer in effective),
        by_model=_sorted(answer.model or "-" for answer in effective),
        by_way=_sorted(evidence.sent[each] for each in first),
        archived=sum(each in evidence.sent for each in archived.inputs),
        archived_decisions=sum(each in evidence.sent for each in archived.decisions),
        not_archived=sorted(evidence.sent.keys() - set(archived.inputs)),
        archive_defects=archived.defects,
        dead_letters=evidence.dead_letters,
        undecodable=evidence.undecodable,
    )


def failures(counts: Counts, *, tolerance_ms: float = TOLERANCE_MS) -> list[str]:
    """Return which criteria *counts* does not meet, in words; none: the run is as promised."""
    overdue = {each: by.counts_ms for each, by in counts.late.items() if by.counts_ms > tolerance_ms}
    worst = max(overdue.values(), default=0.0)
    criteria = [
        (counts.lost, "lost: {} sent and not answered"),
        (
            overdue,
            f"too late: {{}} answered after the deadline + {tolerance_ms:g} ms, by up to {worst:.1f} ms",
        ),
        (counts.repeats, "duplicates: {} answered again with the same bytes"),
        (counts.contradictions, "duplicates: {} answered again with another answer"),
        (counts.strangers, "answers to what was never sent: {}"),
        (counts.unlike, "over HTTP: {} got an error, or another answer than the log has"),
        (counts.not_archived, "archive: {} sent and not archived"),
    ]
    found = [words.format(_some(ids)) for ids, words in criteria if ids]
    if counts.archived > counts.sent - len(counts.not_archived):
        found.append(f"archive: {counts.archived} rows for {counts.sent} requests sent")
    found += [f"archive: {defect}" for defect in counts.archive_defects]
    if counts.dead_letters:
        found.append(f"dead letters: {counts.dead_letters}")
    if counts.undecodable:
        found.append(f"records that are not what their topic holds: {counts.undecodable}")
    return found


def _unlike(evidence: Evidence, first: Mapping[str, Logged[Answer]]) -> Iterable[tuple[str, str]]:
    """Yield the ids of callers who did not get the answer that the log has, and what they got."""
    for each, way in evidence.sent.items():
        if way != HTTP:
            continue
        reply = evidence.replies.get(each, Reply(0.0, "no response"))
        if reply.error:
            yield each, reply.error
        elif each in first and not _same(reply, first[each].message):
            yield each, f"{reply.source} {reply.model}".strip()


def _same(reply: Reply, answer: Answer) -> bool:
    said = (reply.source, reply.model, reply.revision, dict(reply.outputs))
    return said == (
        SOURCES.get(answer.source),
        answer.model,
        answer.revision,
        dict(from_fields(answer.outputs)),
    )


def _sorted(values: Iterable[T]) -> dict[T, int]:
    counter = Counter(values)
    return {value: counter[value] for value in sorted(counter)}


def _some(ids: Collection[str]) -> str:
    shown = list(ids)[:_SHOWN]
    more = ", ..." if len(ids) > len(shown) else ""
    return f"{len(ids)} ({', '.join(shown)}{more})"
