"""The routes: their tiers and shares, and the roll-out that moves them. Pure."""

from collections.abc import Iterator

from rendezvous_contracts.durations import format_duration
from rendezvous_contracts.gates import format_gate
from rendezvous_contracts.routes import describe_use
from rendezvous_contracts.shares import WHOLE, format_share
from rendezvous_control.state import Outcome, Revision, RolloutEntry, RouteEntry, State
from scoring.v1.control_pb2 import Tier

from rendezvous_gateway.screen.facts import answers_lately
from rendezvous_gateway.screen.markup import EMPTY, Html, join, tag
from rendezvous_gateway.screen.pieces import Row, ago, badge, bar, lines, moment, section, swatch, table
from rendezvous_gateway.screen.seen import Snapshot

_HEAD = {"feature-extractor": "stamped on", "rendezvous": "deciding on"}
_OUTCOMES = {Outcome.RUNNING: "busy", Outcome.DONE: "good", Outcome.FAILED: "bad", Outcome.ABORTED: "quiet"}


def routes_section(state: State, snapshot: Snapshot) -> Html:
    """Return all routes."""
    if not state.routes:
        command = tag("code", "rendezvous apply -f route.yaml")
        return section("routes", "Routes", tag("p", "There is no route yet: ", command, " publishes one."))
    shown = [_route(entry, snapshot) for _, entry in sorted(state.routes.items())]
    return section("routes", "Routes", shown)


def _route(entry: RouteEntry, snapshot: Snapshot) -> Html:
    name, current = entry.name, entry.current
    route = current.route
    held = f", paused by {entry.paused.author}" if entry.paused else ""
    facts = tag(
        "p",
        *("Revision ", tag("strong", str(current.number)), f", SLA {format_duration(route.sla_us)}"),
        *(f", by {current.stamp.author} at ", moment(current.stamp.at_us)),
        f": {current.stamp.reason}" if current.stamp.reason else "",
        join(" ", badge("busy", "paused"), f" by {entry.paused.author}: {entry.paused.reason}")
        if entry.paused
        else "",
        class_="facts",
    )
    tiers = table(
        f"Tiers of {name}",
        ("Tier", "Opens after", "Uses"),
        [_tier(name, place, tier) for place, tier in enumerate(route.schedule, 1)],
    )
    return tag(
        "article",
        tag("h3", name, id=f"route-{name}-title"),
        facts,
        tiers if route.schedule else tag("p", "No tier: every request gets the default."),
        _rollout(entry, snapshot),
        _passed(current, snapshot),
        _lately(name, snapshot),
        id=f"route-{name}",
        aria_labelledby=f"route-{name}-title",
        data_news=f"Route {name} is at revision {current.number}{held}",
    )


def _tier(route: str, place: int, tier: Tier) -> Row:
    weighted = tier.WhichOneof("use") == "weighted"
    used = _shares(tier) if weighted else tag("code", describe_use(tier))
    return Row(f"tier-{route}-{place}", str(place), (format_duration(tier.after_us), used))


def _shares(tier: Tier) -> Html:
    shares = tier.weighted.shares
    label = ", ".join(f"{each.model} {format_share(each.share)}" for each in shares)
    legend = [
        tag("li", swatch(place), tag("code", each.model), f" {format_share(each.share)}")
        for place, each in enumerate(shares)
    ]
    return join(bar(label, [each.share * 100 / WHOLE for each in shares]), tag("ul", legend, class_="legend"))


def _rollout(entry: RouteEntry, snapshot: Snapshot) -> Html:
    rollout = entry.rollout
    if rollout is None:
        return EMPTY
    name, plan = entry.name, rollout.plan
    steps = len(plan.steps)
    share = format_share(plan.steps[rollout.step - 1]) if rollout.step else ""
    told = f"step {rollout.step} of {steps}: {plan.to} {f'has {share}' if share else 'scores as a shadow'}"
    news = f"Roll-out of {plan.to} on {name}: {rollout.outcome}, {told}"
    title = tag(
        "h4", "Roll-out of ", tag("code", plan.to), " ", badge(_OUTCOMES[rollout.outcome], rollout.outcome)
    )
    progress = tag("progress", max=str(steps), value=str(rollout.step), aria_label=f"Roll-out of {plan.to}")
    return tag(
        "div",
        title,
        tag("p", progress, f" {told}"),
        lines(_rollout_facts(rollout, snapshot)),
        id=f"rollout-{name}",
        class_="rollout",
        data_news=news,
    )


def _rollout_facts(rollout: RolloutEntry, snapshot: Snapshot) -> Iterator[str | Html]:
    plan, stamp = rollout.plan, rollout.stamp
    steps = ", ".join(format_share(each) for each in plan.steps)
    gates = ", ".join(format_gate(each) for each in plan.gates) or "none"
    yield f"Steps: a shadow, then {steps}; each lasts {format_duration(plan.every_us)}; gates: {gates}"
    since = "this step began" if rollout.outcome is Outcome.RUNNING else "it ended"
    yield join(
        f"{since} ", ago(snapshot.at_us - stamp.at_us), " (", moment(stamp.at_us), f"), by {stamp.author}"
    )
    if rollout.detail:
        yield f"Last verdict: {rollout.detail}"


def _passed(current: Revision, snapshot: Snapshot) -> Html:
    """Return how far the current revision has got: each request is decided under one."""
    found = {}
    for service in _HEAD:
        passed = [
            each.revision
            for heard in snapshot.living()
            if heard.status.service == service
            for each in heard.status.passed
            if each.route == current.route.name
        ]
        if passed:
            found[service] = (sum(revision >= current.number for revision in passed), len(passed))
    if not found:
        return EMPTY
    told = ", ".join(f"{_HEAD[service]} {done} of {count}" for service, (done, count) in found.items())
    complete = all(done == count for done, count in found.values())
    state = badge("good", "everywhere") if complete else badge("busy", "moving")
    return tag("p", f"Revision {current.number} is ", state, f": {told} partitions.", class_="facts")


def _lately(name: str, snapshot: Snapshot) -> Html:
    made = snapshot.decisions.get(name, ())
    if not made:
        return EMPTY
    counts = answers_lately(made).most_common()
    shares = [count * 100 / len(made) for _, count in counts]
    label = ", ".join(f"{who} {share:.0f}%" for (who, _), share in zip(counts, shares, strict=True))
    legend = [
        tag("li", swatch(place), tag("code", who), f" {share:.0f}%")
        for place, ((who, _), share) in enumerate(zip(counts, shares, strict=True))
    ]
    return tag(
        "div",
        tag("h4", f"Who answered the last {len(made)} that were seen"),
        bar(label, shares),
        tag("ul", legend, class_="legend"),
        id=f"lately-{name}",
    )
