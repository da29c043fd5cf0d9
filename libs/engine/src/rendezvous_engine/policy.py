"""A revision of a route, compiled for deciding: times, selectors, verdicts, and whom to expect."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from rendezvous_contracts.routes import describe_tier, late_window_us, ranked_models, scoring_models
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.control_pb2 import Route
from scoring.v1.control_pb2 import Tier as TierMessage
from scoring.v1.input_pb2 import InputHead

from rendezvous_engine.encoding import arrival_prefix
from rendezvous_engine.selectors import AnyOf, Named, Selector


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """
    How an answer was decided, without what differs from request to request.

    There is one object for each way to decide under a revision, compared by identity, so that counting by
    verdict and encoding it cost next to nothing.
    """

    route: str
    revision: int
    source: "Source.ValueType"
    model: str = ""
    tier: int = 0
    rule: str = ""
    _encoded: dict[str, bytes] = field(default_factory=dict, repr=False)

    def encode(self, head: InputHead, reason: str = "") -> bytes:
        """Return its part of the Answer to *head*."""
        if reason:
            return self._encode(head, reason)
        extractor = head.extractor
        encoded = self._encoded.get(extractor)
        if encoded is None:
            # A revision has one extractor; more names are somebody's mistake, and not worth memory.
            self._encoded.clear()
            encoded = self._encoded[extractor] = self._encode(head, "")
        return encoded

    def _encode(self, head: InputHead, reason: str) -> bytes:
        return Answer(
            route=head.route, revision=head.revision, extractor=head.extractor, source=self.source,
            model=self.model, tier=self.tier, rule=self.rule, reason=reason,
        ).SerializeToString()  # fmt: skip


# Where there is no route to speak of, and so nothing to count it under.
REFUSED: Final = Verdict("", 0, Source.SOURCE_REFUSED, rule="refused")


@dataclass(frozen=True, slots=True, eq=False)
class Tier:
    """
    One rule: from *after_us* on, what *selector* picks. *verdicts* has one for each model that it can pick.

    It opens at its time, or as soon as every earlier tier is hopeless: waiting for a model that has already
    failed would cost time and win nothing.
    """

    after_us: int
    selector: Selector
    verdicts: Mapping[str, Verdict]


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


class Policies(Protocol):
    """Where the engine finds the policy that an input is stamped with."""

    def find(self, route: str, revision: int) -> Policy | None:
        """Return the policy of this revision, or None if it has not been heard of (yet)."""
        ...

    def newest(self, route: str) -> Policy | None:
        """Return the newest policy of *route* known, or None."""
        ...


def compile_policy(route: Route, revision: int) -> Policy:
    """Return the policy of *revision*, which the control fold has found valid."""
    expected = {model: arrival_prefix(model) for model in scoring_models(route)}
    return Policy(
        route=route.name,
        revision=revision,
        late_us=late_window_us(route),
        tiers=tuple(_compile_tier(route, revision, place) for place in range(len(route.schedule))),
        expected=expected,
        models=len(expected),
        default=route.default.SerializeToString(deterministic=True),
        defaulted=Verdict(route.name, revision, Source.SOURCE_DEFAULT, rule="default"),
    )


def _compile_tier(route: Route, revision: int, place: int) -> Tier:
    message: TierMessage = route.schedule[place]
    models = ranked_models(route) if message.WhichOneof("use") == "any" else (message.model,)
    selector: Selector = Named(message.model) if message.model else AnyOf(models)
    rule = describe_tier(message)
    verdicts = {
        model: Verdict(route.name, revision, Source.SOURCE_MODEL, model, place + 1, rule) for model in models
    }
    return Tier(message.after_us, selector, verdicts)


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
