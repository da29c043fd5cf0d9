"""What a tier can use: given the scores that are in, with what to answer, and whether waiting can help."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from rendezvous_contracts.shares import bucket_of
from scoring.v1.input_pb2 import InputHead

from rendezvous_engine.verdicts import Choice, Verdict


class Question(Protocol):
    """What a selector sees of a mailbox: encoded outputs by model, and who came to nothing."""

    @property
    def id(self) -> bytes: ...  # noqa: D102 - the request's
    @property
    def head(self) -> InputHead: ...  # noqa: D102 - of its input
    @property
    def usable(self) -> Mapping[str, bytes]: ...  # noqa: D102 - said above
    @property
    def failed(self) -> Collection[str]: ...  # noqa: D102 - said above


class Selector(Protocol):
    """The `use:` of a tier."""

    def choose(self, box: Question) -> Choice | None:
        """Return with what to answer, given the scores that are usable; None while there is nothing."""
        ...

    def hopeless(self, box: Question) -> bool:
        """Return whether no score that can still come will do. Asked only when choose has found nothing."""
        ...


@dataclass(frozen=True, slots=True)
class Named:
    """Exactly this model (name@version)."""

    model: str
    verdict: Verdict

    def choose(self, box: Question) -> Choice | None:
        """Return the model's outputs once it has a usable score."""
        outputs = box.usable.get(self.model)
        return None if outputs is None else (self.verdict, outputs, "")

    def hopeless(self, box: Question) -> bool:
        """Return whether the model has failed."""
        return self.model in box.failed


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Whatever came, in the order of *verdicts*, which has one for each model, best first."""

    verdicts: Mapping[str, Verdict]

    def choose(self, box: Question) -> Choice | None:
        """Return the outputs of the best model that has a usable score."""
        usable = box.usable
        for model, verdict in self.verdicts.items():
            if model in usable:
                return verdict, usable[model], ""
        return None

    def hopeless(self, box: Question) -> bool:
        """Return whether all of them have failed."""
        return all(model in box.failed for model in self.verdicts)


class WeightedOf:
    """
    One of several models, drawn by the request's key, or else its id: the same one for the same key.

    *shares*: what each model gets, in hundredths of a percent, 10,000 in all. The last share takes keys from
    its neighbour as it grows and gives none away, so a ramp moves nobody back.
    """

    __slots__ = ("_ends", "_named", "_route")

    def __init__(self, route: str, shares: Sequence[tuple[Named, int]]) -> None:
        self._route = route
        self._named = tuple(named for named, _ in shares)
        self._ends = tuple(accumulate(share for _, share in shares))

    def choose(self, box: Question) -> Choice | None:
        """Return the outputs of the model drawn, once it has a usable score."""
        return self._drawn(box).choose(box)

    def hopeless(self, box: Question) -> bool:
        """Return whether the model drawn has failed."""
        return self._drawn(box).hopeless(box)

    def _drawn(self, box: Question) -> Named:
        key = box.head.key
        bucket = bucket_of(self._route, key.encode() if key else box.id)
        return self._named[bisect_right(self._ends, bucket)]
