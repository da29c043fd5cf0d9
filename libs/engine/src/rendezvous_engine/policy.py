"""A revision of a route, compiled for deciding: times, selectors, verdicts, and whom to expect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from rendezvous_contracts.routes import late_window_us, scoring_models
from scoring.v1.answer_pb2 import Source
from scoring.v1.control_pb2 import Route

from rendezvous_engine.compiling import compile_selector
from rendezvous_engine.encoding import arrival_prefix
from rendezvous_engine.selectors import Selector
from rendezvous_engine.verdicts import Pin, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Tier:
    """
    One rule: from *after_us* on, what *selector* chooses.

    It opens at its time, or as soon as every earlier tier is hopeless: waiting for a model that has already
    failed would cost time and win nothing.
    """

    after_us: int
    selector: Selector


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """
    All that deciding under one revision needs. Times are microseconds from the request's arrival.

    *expected* has the models that score under this revision, so many as *models* says, each with the first
    piece of its arrival (see encoding); a mailbox closes early when all have scored. *default* is the encoded
    Fields of the route's default.
    """

    route: str
    revision: int
    late_us: int
    tiers: tuple[Tier, ...]
    expected: Mapping[str, bytes]
    models: int
    default: bytes
    defaulted: Verdict
    # By the models that requests have pinned.
    _pinned: dict[str, Verdict] = field(default_factory=dict, repr=False)

    def pin(self, model: str, problem: str) -> Pin:
        """Return the pin of a request to *model* (name@version); *problem*: why it cannot answer, if so."""
        if problem:
            return Pin(model, self.defaulted, problem)
        verdict = self._pinned.get(model)
        if verdict is None:
            rule = f"pinned {model}"
            verdict = Verdict(self.route, self.revision, Source.SOURCE_MODEL, model, 0, rule)
            self._pinned[model] = verdict
        return Pin(model, verdict)


class Policies(Protocol):
    """Where the engine finds the policy that an input is stamped with."""

    def find(self, route: str, revision: int) -> Policy | None:
        """Return the policy of this revision, or None if it has not been heard of (yet)."""
        ...

    def newest(self, route: str) -> Policy | None:
        """Return the newest policy of *route* known, or None."""
        ...


def compile_policy(route: Route, revision: int, qualities: Mapping[str, float] | None = None) -> Policy:
    """
    Return the policy of *revision*, which the control fold has found valid.

    *qualities*: of its models, by name@version, as the revision has them; one that is not there counts as 0.
    """
    expected = {model: arrival_prefix(model) for model in scoring_models(route)}
    return Policy(
        route=route.name,
        revision=revision,
        late_us=late_window_us(route),
        tiers=tuple(
            Tier(tier.after_us, compile_selector(route, revision, place, qualities or {}))
            for place, tier in enumerate(route.schedule, start=1)
        ),
        expected=expected,
        models=len(expected),
        default=route.default.SerializeToString(deterministic=True),
        defaulted=Verdict(route.name, revision, Source.SOURCE_DEFAULT, rule="default"),
    )


class FixedPolicies:
    """Policies that are all known beforehand, for simulation, replay and tests."""

    def __init__(self, *policies: Policy) -> None:
        self._by_revision = {(policy.route, policy.revision): policy for policy in policies}

    def find(self, route: str, revision: int) -> Policy | None:
        """Return the policy of this revision, or None."""
        return self._by_revision.get((route, revision))

    def newest(self, route: str) -> Policy | None:
        """Return the policy of *route* with the highest revision, or None."""
        known = [policy for (name, _), policy in self._by_revision.items() if name == route]
        return max(known, key=lambda policy: policy.revision, default=None)
