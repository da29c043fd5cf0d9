"""
The spans of a hop, made of what it sends.

What a hop sends for a sampled request bears the request's context, or its request is known here from what was
read (where scores meet their input). Times come from the messages themselves, so that nothing inside a
handler has to know of traces.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry.trace import Span, SpanContext, SpanKind
from rendezvous_contracts.topics import ANSWERS, DEAD_LETTERS, DECISIONS, INPUTS, SCORES
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import Score, ScoreStatus

from rendezvous_runtime.clock import Clock, Now
from rendezvous_runtime.stream import Record, Send
from rendezvous_runtime.tracing.spans import Attributes, Tracing, end, sampled, with_context

# Requests that are traced and not decided yet; the oldest gives way.
_MOST: Final = 10_000


@dataclass(slots=True)
class _Meeting:
    """A request whose scores meet here: its input's context, when it came, and the scores' contexts."""

    parent: SpanContext | None = None
    at_us: int = 0
    scores: list[SpanContext] = field(default_factory=list)
    answered: SpanContext | None = None
    answered_us: int = 0


class HopTraces:
    """The BatchTraces of one data plane; *joins*: scores meet their input here."""

    def __init__(self, tracing: Tracing, clock: Clock, *, joins: bool = False) -> None:
        self._tracing = tracing
        self._clock = clock
        self._joins = joins
        self._meetings: OrderedDict[tuple[int, bytes | None], _Meeting] = OrderedDict()
        self._kinds: dict[str, Callable[[Send, Now], Send]] = {
            INPUTS: self._extracted,
            SCORES: self._scored,
            DEAD_LETTERS: self._refused,
        }
        if joins:
            self._kinds |= {ANSWERS: self._answered, DECISIONS: self._decided}

    def on_records(self, records: Sequence[Record], sends: Sequence[Send], now: Now) -> Sequence[Send]:
        """Return *sends* with the contexts of their spans."""
        if self._joins:
            for record in records:
                context = sampled(record.headers())
                if context is not None:
                    self._meet(record, context, now)
        return self.on_time(sends, now)

    def on_time(self, sends: Sequence[Send], now: Now) -> Sequence[Send]:
        """Return *sends* with the contexts of their spans."""
        if not sends:
            return sends
        kinds, meetings = self._kinds, self._meetings
        return [
            kinds[send.topic](send, now) if (send.headers or meetings) and send.topic in kinds else send
            for send in sends
        ]

    def _meet(self, record: Record, context: SpanContext, now: Now) -> None:
        place = (record.partition(), record.key())
        meeting = self._meetings.setdefault(place, _Meeting())
        if record.topic() == SCORES:
            meeting.scores.append(context)
        else:
            meeting.parent, meeting.at_us = context, now.wall
        if len(self._meetings) > _MOST:
            self._meetings.popitem(last=False)

    def _extracted(self, send: Send, now: Now) -> Send:
        parent = sampled(send.headers)
        if parent is None:
            return send
        span = self._begin("extract", parent, send, now.wall)
        return self._end(span, send, self._clock.now().wall)

    def _scored(self, send: Send, now: Now) -> Send:
        parent = sampled(send.headers)
        if parent is None:
            return send
        score = Score.FromString(send.value)
        began = score.received_at_us or now.wall
        span = self._begin(
            f"score {score.model}",
            parent,
            send,
            began,
            {
                "rendezvous.model": score.model,
                "rendezvous.route": score.route,
                "rendezvous.status": ScoreStatus.Name(score.status),
                "rendezvous.waited_us": score.waited_us,
                "rendezvous.scored_us": score.scored_us,
            },
        )
        return self._end(span, send, began + score.waited_us + score.scored_us, score.error)

    def _refused(self, send: Send, now: Now) -> Send:
        parent = sampled(send.headers)
        if parent is None:
            return send
        reason = next((value for name, value in send.headers or () if name == "error"), b"")
        return self._end(
            self._begin("dead letter", parent, send, now.wall),
            send,
            now.wall,
            reason.decode(errors="replace"),
        )

    def _answered(self, send: Send, now: Now) -> Send:
        meeting = self._meetings.get((send.partition, send.key))
        if meeting is None or meeting.parent is None:
            return send
        answer = Answer.FromString(send.value)
        in_time, meeting.scores = meeting.scores, []
        span = self._begin("decide", meeting.parent, send, meeting.at_us, _told(answer), in_time)
        marked = self._end(span, send, now.wall)
        meeting.answered, meeting.answered_us = sampled(marked.headers), now.wall
        return marked

    def _decided(self, send: Send, now: Now) -> Send:
        meeting = self._meetings.pop((send.partition, send.key), None)
        if meeting is None or meeting.answered is None:
            return send
        decision = Decision.FromString(send.value)
        missing = {"rendezvous.missing": ", ".join(decision.missing)}
        span = self._begin(
            "close", meeting.answered, send, meeting.answered_us, missing, meeting.scores, SpanKind.INTERNAL
        )
        return self._end(span, send, now.wall)

    def _begin(
        self,
        name: str,
        parent: SpanContext,
        send: Send,
        at_us: int,
        attributes: Attributes | None = None,
        links: Sequence[SpanContext] = (),
        kind: SpanKind = SpanKind.CONSUMER,
    ) -> Span | None:
        told = {
            "messaging.system": "kafka",
            "messaging.destination.name": send.topic,
            "messaging.destination.partition.id": str(send.partition),
            "rendezvous.request_id": (send.key or b"").decode(errors="replace"),
            **(attributes or {}),
        }
        return self._tracing.begin(name, parent, kind, at_us, attributes=told, links=links)

    def _end(self, span: Span | None, send: Send, at_us: int, problem: str = "") -> Send:
        if span is None:
            return send
        end(span, at_us, problem)
        return send._replace(headers=with_context(send.headers, span.get_span_context()))


def _told(answer: Answer) -> dict[str, str | int]:
    return {
        "rendezvous.route": answer.route,
        "rendezvous.revision": answer.revision,
        "rendezvous.source": Source.Name(answer.source),
        "rendezvous.model": answer.model,
        "rendezvous.tier": answer.tier,
        "rendezvous.rule": answer.rule,
        "rendezvous.reason": answer.reason,
    }
