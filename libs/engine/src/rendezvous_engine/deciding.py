"""The fallback rules: which score a mailbox is answered with at a moment, if any."""

from collections.abc import Collection, Iterable

from rendezvous_contracts.durations import format_duration

from rendezvous_engine.mailbox import Mailbox
from rendezvous_engine.policy import Policy
from rendezvous_engine.verdicts import REFUSED, Choice, Pin


def decide(box: Mailbox, policy: Policy, now: int) -> Choice | None:
    """
    Return what *box* is answered with at *now* (monotonic microseconds), or None to wait.

    Tiers are tried in their order as far as they are open, so an earlier tier's score wins while it is
    usable. At the deadline all are open: a request whose budget is tighter than the SLA still gets what has
    come, rather than the default. A score that comes exactly at the deadline is late.
    """
    overdue = now >= box.deadline
    if not (box.usable or box.failed or overdue) and policy.tiers:
        return None  # by far the most frequent case
    elapsed = now - box.start
    in_hope = False
    for tier in policy.tiers:
        if in_hope and tier.after_us > elapsed and not overdue:
            return None
        choice = tier.selector.choose(box)
        if choice is not None:
            return choice
        in_hope = in_hope or not tier.selector.hopeless(box)
    if in_hope and not overdue:
        return None
    return policy.defaulted, policy.default, _why_default(box, policy, waited=in_hope)


def decide_pinned(box: Mailbox, pin: Pin, policy: Policy, now: int) -> Choice | None:
    """
    Return what *box*, whose request pinned a model, is answered with at *now*, or None to wait.

    That model has the time to the deadline to itself. Once it cannot answer, the schedule decides, as it
    would have without the pin, and the reason says why it had to.
    """
    outputs = box.usable.get(pin.model)
    if pin.problem:
        why = pin.problem
    elif outputs is not None:
        return pin.verdict, outputs, ""
    elif pin.model in box.failed:
        why = "it failed"
    elif now >= box.deadline:
        why = "no score in time"
    else:
        return None
    choice = decide(box, policy, now)
    if choice is None:
        return None
    verdict, chosen, reason = choice
    return verdict, chosen, "; ".join(part for part in (f"pinned {pin.model}: {why}", reason) if part)


def next_opening(box: Mailbox, policy: Policy | None, now: int) -> int:
    """Return when *box* is to be decided again if no score comes: its next tier's time or its deadline."""
    if policy is not None:
        for tier in policy.tiers:
            at = box.start + tier.after_us
            if at > now:
                return min(box.deadline, at)
    return box.deadline


def without_policy(box: Mailbox, newest: Policy | None) -> Choice:
    """Return what *box* is answered with when its revision is still unknown at its deadline."""
    head = box.head
    reason = f"revision {head.revision} of route {head.route!r} is not known here"
    if newest is None:
        return REFUSED, b"", reason
    return newest.defaulted, newest.default, f"{reason}; this is the default of revision {newest.revision}"


def with_problem(box: Mailbox) -> Choice:
    """Return what *box* is answered with, at once, when its request could not be prepared for any model."""
    policy = box.policy
    if policy is None:
        return REFUSED, b"", box.head.problem
    return policy.defaulted, policy.default, box.head.problem


def _why_default(box: Mailbox, policy: Policy, *, waited: bool) -> str:
    if not policy.tiers:
        return "the route has no model yet"
    if not waited:
        return f"no model can answer; failed: {_names(box.failed)}"
    reason = f"the deadline passed after {format_duration(box.deadline - box.start)}"
    parts: tuple[tuple[str, Collection[str]], ...] = (("missing", box.missing()), ("failed", box.failed))
    return "; ".join([reason, *(f"{what}: {_names(who)}" for what, who in parts if who)])


def _names(models: Iterable[str]) -> str:
    return ", ".join(sorted(models))
