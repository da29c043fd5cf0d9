"""The last decisions of one route, each with how it came about. Pure."""

from collections.abc import Sequence

from rendezvous_contracts.explanation import Explanation, explain
from rendezvous_contracts.explanation_tiers import format_after
from rendezvous_contracts.values import from_fields
from rendezvous_control.state import State
from scoring.v1.answer_pb2 import Source
from scoring.v1.value_pb2 import Tensor

from rendezvous_gateway.screen.facts import answered_by
from rendezvous_gateway.screen.markup import Html, tag
from rendezvous_gateway.screen.pieces import badge, moment, section
from rendezvous_gateway.screen.seen import Made, Snapshot

_SHOWN = 10
_OUTPUTS = 6
_TEXT = 60


def decisions_section(state: State, snapshot: Snapshot, chosen: str) -> Html:
    """Return the last decisions of the route *chosen*."""
    names = sorted({*state.routes, *snapshot.decisions} - {""})
    by_time = sorted(
        snapshot.decisions.get(chosen, ()), key=lambda each: -each.decision.answer.answered_at_us
    )
    made = by_time[:_SHOWN]
    links = [
        tag("li", tag("a", name, href=_link(name), aria_current="true" if name == chosen else False))
        for name in names
    ]
    choice = tag("nav", tag("ul", links, class_="tabs"), aria_label="Route of the decisions")
    none = tag("p", f"No decision of {chosen} was seen since this page is looked at.") if chosen else ""
    shown = tag("ol", [_decision(each, state) for each in made], class_="decisions") if made else none
    note = tag(
        "p", "Each folds out to how it came about; the list stands still while one does.", class_="facts"
    )
    return section("decisions", "Last decisions", choice if names else "", note if made else "", shown)


def _link(route: str) -> str:
    return f"?route={route}#decisions"


def _decision(made: Made, state: State) -> Html:
    answer = made.decision.answer
    revision = state.revision(answer.route, answer.revision)
    told = explain(made.decision, revision.route if revision else None)
    by_model = answer.source == Source.SOURCE_MODEL
    elapsed = format_after(max(0, answer.answered_at_us - answer.sent_at_us))
    summary = tag(
        "summary",
        *(moment(answer.answered_at_us), " ", badge("good" if by_model else "busy", answered_by(answer))),
        f" {_outputs(made)} in {elapsed}",
    )
    place = f"{made.partition}-{made.offset}"
    return tag(
        "li", tag("details", summary, _explanation(told, made), id=f"details-{place}"), id=f"decision-{place}"
    )


def _outputs(made: Made) -> str:
    values = from_fields(made.decision.answer.outputs)
    shown = [f"{name} = {_value(value)}" for name, value in list(values.items())[:_OUTPUTS]]
    more = f" and {len(values) - _OUTPUTS} more" if len(values) > _OUTPUTS else ""
    return f"{', '.join(shown) or 'no output'}{more}"


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, Tensor):
        return f"a tensor of {'x'.join(map(str, value.shape))}"
    return f"{len(value)} bytes" if isinstance(value, bytes) else str(value)[:_TEXT]


def _explanation(told: Explanation, made: Made) -> list[Html]:
    place = f"partition {made.partition}, offset {made.offset}"
    parts = [
        tag("p", told.summary),
        tag("p", f"Request {told.request_id}, revision {told.revision}, {place}.", class_="facts"),
        tag("h4", "What happened"),
        tag("ol", [tag("li", f"{format_after(each.after_us)}: {each.text}") for each in told.course]),
    ]
    if told.tiers:
        parts += [
            tag("h4", "Which rule"),
            _reasons([(each.rule, each.why, each.fired) for each in told.tiers]),
        ]
    if told.models:
        parts += [
            tag("h4", "Which model"),
            _reasons([(each.model, each.why, each.chosen) for each in told.models]),
        ]
    return parts


def _reasons(reasons: Sequence[tuple[str, str, bool]]) -> Html:
    return tag(
        "dl",
        [
            part
            for name, why, chosen in reasons
            for part in (
                tag("dt", tag("code", name), badge("good", "chosen") if chosen else ""),
                tag("dd", why),
            )
        ],
    )
