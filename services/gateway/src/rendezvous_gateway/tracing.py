"""Traces begin here: each question that is sampled is a span, from its arrival to its answer."""

from opentelemetry.trace import Span, SpanKind
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.tracing.spans import Tracing, end, with_context
from scoring.v1.answer_pb2 import Answer, Source

from rendezvous_gateway.admission import Question, Waiter
from rendezvous_gateway.desk import Desk
from rendezvous_gateway.exchange import Exchange
from rendezvous_gateway.memory import Reply
from rendezvous_gateway.problems import ProblemError


class TracedExchange(Exchange):
    """An Exchange whose *tracing* decides which questions are traced; a caller's traceparent comes first."""

    def __init__(self, desk: Desk, clock: Clock, tracing: Tracing) -> None:
        super().__init__(desk, clock)
        self._tracing = tracing
        self._now = clock.now

    def submit(self, question: Question, waiter: Waiter) -> Reply | None:
        """Do what an Exchange does, within a span if this question is sampled."""
        span = self._begin(question)
        if span is None:
            return super().submit(question, waiter)
        headers = with_context(question.headers, span.get_span_context())

        def settle(reply: Reply) -> None:
            self._answered(span, reply.answer)
            waiter(reply)

        try:
            reply = super().submit(question._replace(headers=headers), settle)
        except ProblemError as problem:
            end(span, self._now().wall, str(problem))
            raise
        if reply is not None:
            span.set_attribute("rendezvous.repeated", value=True)
            self._answered(span, reply.answer)
        return reply

    def _begin(self, question: Question) -> Span | None:
        revision = question.revision
        return self._tracing.begin(
            f"ask {revision.route.name}",
            question.headers,
            SpanKind.SERVER,
            self._now().wall,
            attributes={
                "rendezvous.request_id": question.id,
                "rendezvous.route": revision.route.name,
                "rendezvous.sla_us": revision.route.sla_us,
            },
        )

    def _answered(self, span: Span, answer: Answer) -> None:
        span.set_attributes(
            {
                "rendezvous.revision": answer.revision,
                "rendezvous.source": Source.Name(answer.source),
                "rendezvous.model": answer.model,
                "rendezvous.tier": answer.tier,
            }
        )
        by_timer = answer.source == Source.SOURCE_GATEWAY
        end(span, self._now().wall, answer.reason if by_timer else "")
