"""Why a rule of a schedule fired, or did not: the engine's rules, told of one decision."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.control_pb2 import Route, Tier

from rendezvous_contracts.routes import choosable_models, describe_tier
from rendezvous_contracts.shares import drawn_model


@dataclass(frozen=True, slots=True)
class Came:
    """How a score came: *after_us* after the request; *problem* says why it could not be used, if so."""

    after_us: int
    problem: str
    before_answer: bool


@dataclass(frozen=True, slots=True)
class Known:
    """What a decision tells: its answer, the scores by model (name@version), and who never scored."""

    answer: Answer
    came: Mapping[str, Came]
    missing: frozenset[str]
    key: str | None


@dataclass(frozen=True, slots=True)
class TierReason:
    """Why the rule at place *tier* (from 1) of the schedule *fired*, or did not."""

    tier: int
    rule: str
    fired: bool
    why: str


def format_after(microseconds: int) -> str:
    """Return a time as people compare them: "12.3 ms"."""
    return f"{microseconds / 1000:.1f} ms"


def explain_tiers(known: Known, route: Route) -> tuple[TierReason, ...]:
    """Return, for each rule of *route*, why it fired or did not."""
    return tuple(
        TierReason(place, describe_tier(tier), _fired(known, place), _why(known, route, place, tier))
        for place, tier in enumerate(route.schedule, start=1)
    )


def _fired(known: Known, place: int) -> bool:
    return known.answer.source == Source.SOURCE_MODEL and known.answer.tier == place


def _why(known: Known, route: Route, place: int, tier: Tier) -> str:
    answer = known.answer
    models = _candidates(known, route, place, tier)
    if _fired(known, place):
        return _why_fired(known, tier, models)
    if answer.source != Source.SOURCE_MODEL:
        if answer.source == Source.SOURCE_DEFAULT and not (known.came or known.missing):
            return f"no rule was asked: {answer.reason}"
        return _why_nothing(known, tier, models)
    if not answer.tier:
        return "no rule was asked: the request names the model that shall answer"
    if place > answer.tier:
        opened = tier.after_us <= _elapsed_us(answer)
        return f"tier {answer.tier} comes first, and had a score" if opened else _not_open(tier, answer)
    return _why_nothing(known, tier, models)


def _candidates(known: Known, route: Route, place: int, tier: Tier) -> tuple[str, ...]:
    """Return the models that *tier* could answer by: of a ramp who was drawn, where that is known."""
    if tier.WhichOneof("use") != "weighted":
        return choosable_models(route, tier)
    if _fired(known, place):
        return (known.answer.model,)
    if known.key is None:
        return choosable_models(route, tier)
    drawn = drawn_model(route.name, tier.weighted.shares, known.key.encode())
    return (drawn,) if drawn else ()


def _why_fired(known: Known, tier: Tier, models: Iterable[str]) -> str:
    early = ""
    elapsed, deadline = _elapsed_us(known.answer), known.answer.deadline_us
    if tier.after_us > elapsed:
        early = ", and it opened early, for no earlier rule could fire any more"
    elif deadline and known.answer.answered_at_us >= deadline:
        early = ", tried at the deadline with all others"
    scores = [model for model in models if (came := known.came.get(model)) and _usable(came)]
    had = " and ".join([", ".join(scores[:-1]), scores[-1]] if len(scores) > 1 else scores)
    drawn = " was drawn and" if tier.WhichOneof("use") == "weighted" else ""
    return f"{had or 'a score'}{drawn} had scored in time{early}"


def _why_nothing(known: Known, tier: Tier, models: Iterable[str]) -> str:
    parts = [f"{model} {_state(known, model)}" for model in models]
    told = "; ".join(parts) or "it has no model to choose from"
    used = tier.WhichOneof("use")
    if used == "combined":
        return f"at least {tier.combined.at_least} had to score, with a result: {told}"
    if used == "weighted" and known.key is None:
        return f"the request draws one of these: {told}"
    if used == "weighted":
        return (
            "; ".join(f"the request drew {model}, which {_state(known, model)}" for model in models) or told
        )
    return told


def _not_open(tier: Tier, answer: Answer) -> str:
    return (
        f"it opens at {format_after(tier.after_us)}; the answer left at {format_after(_elapsed_us(answer))}"
    )


def _state(known: Known, model: str) -> str:
    """Return how *model* stood when the answer was decided, and what became of it."""
    came = known.came.get(model)
    if came is None:
        return "never came" if model in known.missing else "did not score"
    if came.problem:
        return f"{came.problem} (at {format_after(came.after_us)})"
    if came.before_answer:
        return f"had scored at {format_after(came.after_us)}"
    return f"had not come; it came at {format_after(came.after_us)}"


def _usable(came: Came) -> bool:
    return came.before_answer and not came.problem


def _elapsed_us(answer: Answer) -> int:
    return max(0, answer.answered_at_us - answer.sent_at_us)
