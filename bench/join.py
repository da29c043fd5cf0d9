"""The join: one rendezvous process catches up with inputs and scores; the same as Faust agents."""

from collections.abc import Mapping
from typing import Final

from rendezvous_contracts.topics import ANSWERS, DECISIONS

from bench import records
from bench.compiled import INTERPRETED
from bench.scale import Scale
from bench.stand import Stand
from bench.watching import Rate, middle_rate, watch

ROUTE: Final = "bench-join"
# So long that nothing is past its deadline, however long the run takes.
SLA_US: Final = 3_600_000_000
# An input, and a score of each model.
MESSAGES_PER_REQUEST: Final = 1 + len(records.MODELS)
_LIMIT_S: Final = 60.0
_FAUST_LIMIT_S: Final = 20.0


def _prepare(stand: Stand, scale: Scale) -> None:
    """Write once what both joins read."""
    if not stand.once("join"):
        return
    stand.write(
        records.control(records.route(ROUTE, SLA_US, *records.MODELS), models=records.constant_models())
    )
    stand.write(records.backlog(ROUTE, SLA_US, scale.join_requests))


def _catch_up(stand: Stand, scale: Scale, **env: str) -> Rate:
    """Catch up with all of the backlog, as a group that has read nothing yet."""
    stand.empty(ANSWERS, DECISIONS)
    name = stand.unique("join")
    spec = stand.service(name, "rendezvous_service", RENDEZVOUS_GROUP=name, **env)
    with stand.running(spec) as (process,):
        samples = watch(stand, process, (ANSWERS, DECISIONS), scale.join_requests, _LIMIT_S)
    return min(middle_rate(samples, 0), middle_rate(samples, 1), key=lambda rate: rate.per_s)


class Join:
    """The real process, with answers and decisions."""

    name = "join"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Write the control log and the backlog."""
        _prepare(stand, scale)

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Catch up with all of the backlog."""
        rate = _catch_up(stand, scale)
        return {
            "join_requests_per_s": rate.per_s,
            "join_messages_per_s": rate.per_s * MESSAGES_PER_REQUEST,
            "cpu_us_per_request": rate.cpu_us,
        }


class InterpretedJoin:
    """The same without machine code, as a plain installation runs it."""

    name = "interpreted"

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Share the backlog of the other join."""
        _prepare(stand, scale)

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Catch up with all of the backlog."""
        rate = _catch_up(stand, scale, **INTERPRETED)
        return {
            "interpreted_join_requests_per_s": rate.per_s,
            "interpreted_cpu_us_per_request": rate.cpu_us,
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
