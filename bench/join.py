"""The join: one rendezvous process catches up with inputs and scores; the same as Faust agents."""

from collections.abc import Mapping
from typing import Final

from rendezvous_contracts.topics import ANSWERS, DECISIONS

from bench import records
from bench.scale import Scale
from bench.stand import Stand
from bench.watching import middle_rate, watch

ROUTE: Final = "bench-join"
# So long that nothing is past its deadline, however long the run takes.
SLA_US: Final = 3_600_000_000
# An input, and a score of each model.
MESSAGES_PER_REQUEST: Final = 1 + len(records.MODELS)
_LIMIT_S: Final = 60.0
_FAUST_LIMIT_S: Final = 20.0


class Join:
    """The real process, with answers and decisions."""

    name = "join"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Write the control log and the backlog."""
        stand.write(records.control(records.route(ROUTE, SLA_US, *records.MODELS)))
        stand.write(records.backlog(ROUTE, SLA_US, scale.join_requests))

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Catch up with all of the backlog, as a group that has read nothing yet."""
        stand.empty(ANSWERS, DECISIONS)
        name = stand.unique("join")
        spec = stand.service(name, "rendezvous_service", RENDEZVOUS_GROUP=name)
        with stand.running(spec) as (process,):
            samples = watch(stand, process, (ANSWERS, DECISIONS), scale.join_requests, _LIMIT_S)
        answers, decisions = middle_rate(samples, 0), middle_rate(samples, 1)
        slower = min(answers, decisions)
        return {
            "join_requests_per_s": slower.per_s,
            "join_messages_per_s": slower.per_s * MESSAGES_PER_REQUEST,
            "cpu_us_per_request": slower.cpu_us,
        }


class FaustJoin:
    """Agents on both topics and a dictionary between them: no deadlines, no decisions."""

    name = "faust"
    _inputs: Final = "faust-inputs"
    _scores: Final = "faust-scores"
    _answers: Final = "faust-answers"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Write a backlog of its own: Faust would take minutes for the other one."""
        stand.create(self._inputs, self._scores, self._answers)
        backlog = records.backlog(
            ROUTE, SLA_US, scale.faust_requests, inputs=self._inputs, scores=self._scores
        )
        stand.write(backlog)

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Catch up with all of it."""
        program = stand.program(
            "bench.references.faust_join",
            stand.unique("faust"), self._inputs, self._scores, self._answers, str(len(records.MODELS)),
        )  # fmt: skip
        with stand.running(program) as (process,):
            samples = watch(stand, process, (self._answers,), scale.faust_requests, _FAUST_LIMIT_S)
        return {"faust_join_requests_per_s": middle_rate(samples).per_s}
