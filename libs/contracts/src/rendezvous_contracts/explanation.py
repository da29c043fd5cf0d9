"""How an answer came about, in words: pure, from a decision as the log has it to what people read."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.control_pb2 import Route
from scoring.v1.decision_pb2 import Decision
from scoring.v1.score_pb2 import ScoreStatus

from rendezvous_contracts.explanation_tiers import Came, Known, TierReason, explain_tiers, format_after

_STATUSES: Mapping[int, str] = {
    ScoreStatus.SCORE_STATUS_FAILED: "failed",
    ScoreStatus.SCORE_STATUS_INVALID_INPUT: "could not take this input",
    ScoreStatus.SCORE_STATUS_EXPIRED: "had no time left and did not score",
    ScoreStatus.SCORE_STATUS_NOT_READY: "was not ready",
}


class Kind(StrEnum):
    """What happened at a moment."""

    SCORE = "score"
    FAILURE = "failure"
    LATE = "late"
    ANSWER = "answer"
    DEADLINE = "deadline"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Moment:
    """What happened *after_us* microseconds after the request came; *model* is name@version, or empty."""

    after_us: int
    kind: Kind
    text: str
    model: str = ""


@dataclass(frozen=True, slots=True)
class ModelReason:
    """Why *model* (name@version) answered, or did not."""

    model: str
    chosen: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """
    A decision told in words.

    *summary*: in one sentence. *course*: what happened, in order. *tiers*: which rule of the schedule fired,
    and why no other did; empty where the route as it was then is not known. *models*: the same for each.
    """

    request_id: str
    route: str
    revision: int
    summary: str
    course: tuple[Moment, ...]
    tiers: tuple[TierReason, ...]
    models: tuple[ModelReason, ...]


def explain(decision: Decision, route: Route | None = None, key: str | None = None) -> Explanation:
    """
    Return *decision* in words.

    *route*: as it was at the revision of the answer, for the rules that did not fire. *key*: what the request
    went by in a ramp (its own key, or else its id), for who was drawn there. It is total: a decision that no
    rendezvous would write is told as far as it goes.
    """
    answer = decision.answer
    known = Known(answer, _came(decision), frozenset(decision.missing), key)
    return Explanation(
        request_id=answer.id,
        route=answer.route,
        revision=answer.revision,
        summary=_summary(answer),
        course=tuple(sorted(_course(decision, known), key=lambda moment: moment.after_us)),
        tiers=explain_tiers(known, route) if route is not None else (),
        models=tuple(_models(known)),
    )


def _came(decision: Decision) -> dict[str, Came]:
    """Return how each score came, by model; the first of a model is the one that counts."""
    in_time = len(decision.answer.arrivals)
    came: dict[str, Came] = {}
    for place, arrival in enumerate(decision.arrivals):
        score = decision.scores[place] if place < len(decision.scores) else None
        usable = arrival.status == ScoreStatus.SCORE_STATUS_OK
        problem = "" if usable else _STATUSES.get(arrival.status, "failed")
        if usable and score is not None and not score.outputs.values:
            problem = "said nothing"
        error = score.error if score is not None else ""
        told = f"{problem}: {error}" if problem and error else problem
        came.setdefault(arrival.model, Came(arrival.after_us, told, before_answer=place < in_time))
    return came


def _summary(answer: Answer) -> str:
    after = _after_us(answer.answered_at_us, answer)
    left = answer.deadline_us - answer.answered_at_us
    when = f"{format_after(after)} after the request came"
    margin = f"{format_after(abs(left))} {'before' if left >= 0 else 'after'} its deadline"
    match answer.source:
        case Source.SOURCE_MODEL:
            who = answer.model or "Several models together"
            by = f"tier {answer.tier}" if answer.tier else "its own wish"
            return f"{who} answered by {by} ({answer.rule}), {when}, {margin}."
        case Source.SOURCE_DEFAULT:
            return f"The route's default was given, {when}: {answer.reason}."
        case Source.SOURCE_GATEWAY:
            return f"The gateway's own timer gave the route's default, {when}: {answer.reason}."
        case Source.SOURCE_REFUSED:
            return f"The request was refused, {when}: {answer.reason}."
        case _:
            return f"It is not known where the answer came from, {when}."


def _after_us(stamp_us: int, answer: Answer) -> int:
    return max(0, stamp_us - answer.sent_at_us)


def _course(decision: Decision, known: Known) -> Iterator[Moment]:
    """Yield what happened; an answer stands before what came at the same moment and was not in it."""
    answer = decision.answer
    for model, came in known.came.items():
        if came.before_answer:
            yield _arrival(model, came)
    source = answer.model or answer.rule or "the default"
    yield Moment(_after_us(answer.answered_at_us, answer), Kind.ANSWER, f"answered: {source}", answer.model)
    for model, came in known.came.items():
        if not came.before_answer:
            yield _arrival(model, came)
    if answer.deadline_us:
        yield Moment(_after_us(answer.deadline_us, answer), Kind.DEADLINE, "the deadline")
    if decision.closed_at_us:
        missing = f"; never came: {', '.join(sorted(known.missing))}" if known.missing else ""
        text = f"the mailbox closed{missing}"
        yield Moment(_after_us(decision.closed_at_us, answer), Kind.CLOSE, text)


def _arrival(model: str, came: Came) -> Moment:
    if came.problem:
        return Moment(came.after_us, Kind.FAILURE, f"{model} {came.problem}", model)
    if came.before_answer:
        return Moment(came.after_us, Kind.SCORE, f"{model} scored", model)
    return Moment(came.after_us, Kind.LATE, f"{model} scored, after the answer", model)


def _models(known: Known) -> Iterator[ModelReason]:
    answer = known.answer
    for model, came in known.came.items():
        chosen = model == answer.model and answer.source == Source.SOURCE_MODEL
        yield ModelReason(model, chosen, _why_model(came, answer, chosen=chosen))
    for model in sorted(known.missing):
        yield ModelReason(model, chosen=False, why="it had not scored when the mailbox closed")


def _why_model(came: Came, answer: Answer, *, chosen: bool) -> str:
    at = format_after(came.after_us)
    if chosen:
        return f"it scored at {at}, and {answer.rule or 'the rule'} chose it"
    if came.problem:
        return f"it {came.problem} (at {at})"
    if not came.before_answer:
        late = came.after_us - _after_us(answer.answered_at_us, answer)
        return f"it scored at {at}, {format_after(max(0, late))} after the answer"
    if answer.source == Source.SOURCE_MODEL:
        return f"it had scored at {at}; {answer.rule or 'the rule'} did not choose it"
    return f"it had scored at {at}, and no rule could use it"
