"""
Whose work an input is: the models assigned to this process that its revision names, and the one it pins.

- A revision that this process has not folded yet: every ready model of the process scores, and only what
  succeeds is sent. The revision may name any of them, waiting for the fold would cost the deadline, a score
  that nobody asked for is ignored by the join, and a failure may only say that the model is another route's.
- Revision 0 (no such route) or an input with a problem: nobody scores; the rendezvous answers by itself.
- An input whose mailbox closed a minute ago or earlier is counted and no more: a container that is new, or
  long away, would flood the log with what nobody waits for.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError
from rendezvous_contracts.fields_codec import FieldsReader
from rendezvous_contracts.routes import late_window_us, scoring_models
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.dead_letters import dead_letter
from rendezvous_runtime.stream import Headers, Record, Send
from scoring.v1.input_pb2 import InputFrame

from rendezvous_models.scoring import Work
from rendezvous_models.tally import InputFate, Tally

_TRACE: Final = "traceparent"
_STALE_US: Final = 60_000_000


class _Plan(NamedTuple):
    """Who of this process scores the inputs of one revision; *named*: because the revision says so."""

    models: tuple[str, ...]
    named: bool
    late_us: int


class Intake:
    """
    Deals inputs out to the models *assigned* to this process (name@version).

    Their fates are counted in *tally*. For one thread.
    """

    def __init__(self, assigned: Collection[str], view: ControlView, tally: Tally, *, service: str) -> None:
        self._assigned = assigned
        self._view = view
        self._tally = tally
        self._service = service
        self._plans: dict[tuple[str, int], _Plan] = {}  # a revision never changes
        self._features = FieldsReader()

    def deal(
        self, records: Sequence[Record], ready: Iterable[str], wall_us: int, found: list[Send]
    ) -> Mapping[str, Sequence[Work]]:
        """
        Return what each model has to do for *records*; dead letters go to *found*.

        *ready* are the models that can score now; *wall_us*: microseconds since the epoch.
        """
        work: defaultdict[str, list[Work]] = defaultdict(list)
        fates: list[InputFate] = []
        for record in records:
            try:
                fates.append(self._deal(record, ready, wall_us, work))
            except DecodeError as error:
                fates.append(InputFate.UNDECODABLE)
                found.append(dead_letter(record, f"not an Input message: {error}", service=self._service))
        self._tally.fates(fates)
        return work

    def _deal(
        self, record: Record, ready: Iterable[str], wall_us: int, work: defaultdict[str, list[Work]]
    ) -> InputFate:
        """Give the input in *record* to who scores it, and return its fate; raises DecodeError."""
        # Each field is fetched once: that takes as long as a good part of all else.
        parsed = InputFrame.FromString(record.value() or b"")
        named = parsed.id
        if not named:
            raise DecodeError("it has no id")
        revision = parsed.revision
        if parsed.problem or not revision:
            return InputFate.PROBLEM if parsed.problem else InputFate.UNROUTED
        route, sent_at_us = parsed.route, parsed.sent_at_us
        deadline_us = sent_at_us + parsed.budget_us
        plan = self._plans.get((route, revision)) or self._plan(route, revision, ready)
        if deadline_us + plan.late_us + _STALE_US < wall_us:
            return InputFate.STALE
        pinned = self._pinned(parsed, plan)
        if plan.models or pinned:
            row = self._features.read(parsed.features)
            partition, key, trace = record.partition(), record.key() or named.encode(), _trace(record)
            each = Work(
                named, route, revision, sent_at_us, deadline_us, row, partition, key, trace, named=plan.named
            )
            for name in plan.models:
                work[name].append(each)
            if pinned:
                work[pinned].append(each.by_name())
        return InputFate.ACCEPTED

    def _pinned(self, parsed: InputFrame, plan: _Plan) -> str:
        """Return the model of this process that a request names and its revision does not; empty for none."""
        model = parsed.model
        if not model or model not in self._assigned or model in plan.models or parsed.model_problem:
            return ""
        return model

    def _plan(self, route: str, number: int, ready: Iterable[str]) -> _Plan:
        revision = self._view.state.revision(route, number)
        if revision is None:
            return _Plan(tuple(ready), named=False, late_us=0)
        models = tuple(name for name in scoring_models(revision.route) if name in self._assigned)
        plan = _Plan(models, named=True, late_us=late_window_us(revision.route))
        self._tally.sla(revision.route.sla_us)
        self._plans[route, number] = plan
        return plan


def _trace(record: Record) -> Headers | None:
    headers = record.headers()
    return [header for header in headers if header[0] == _TRACE] if headers else None
