"""One partition of the stream: the engine of what this build answers, and what it follows of another's."""

from rendezvous_engine.engine import Engine, Limits
from rendezvous_engine.following import Following
from rendezvous_engine.mailbox import Place
from rendezvous_engine.memory import EarlyScore
from rendezvous_engine.outcomes import InputOutcome
from rendezvous_engine.policy import Policies, Policy
from rendezvous_runtime.clock import Now
from scoring.v1.input_pb2 import InputHead


class Partition:
    """
    One partition: its engine, and how far its scores have been read.

    *following* is there while another build than *build* answers requests here; *speaks* tells whether this
    one answers the newest. Without, inputs and scores are the engine's directly.
    """

    __slots__ = (
        "_build", "_limits", "_policies", "engine", "following", "next_score", "scores_floor", "seen",
        "speaks",
    )  # fmt: skip

    def __init__(self, policies: Policies, limits: Limits, build: str, *, speaks: bool) -> None:
        self._policies = policies
        self._limits = limits
        self._build = build
        self.engine = Engine(policies, limits)
        self.following: Following | None = None
        self.speaks = speaks
        # The policies that have decided here.
        self.seen: set[Policy | None] = {None}
        self.next_score = 0
        # No input of the batch at hand needs a score before this one.
        self.scores_floor = 0
        if not speaks:
            self._follow()

    def begin_batch(self) -> None:
        """Look which scores an input of the next batch may need, and whether to follow still."""
        early = self.engine.oldest_early_offset()
        self.scores_floor = self.next_score if early is None or early > self.next_score else early
        if self.following is not None and self.speaks and self.following.idle:
            self.following = None

    def on_shared_input(self, key: bytes, head: InputHead, place: tuple[int, int], now: Now) -> InputOutcome:
        """Take an input where another build answers, too, or did so a moment ago."""
        following = self._follow()
        self.speaks = head.answering_build == self._build
        if self.speaks:
            return following.on_own(key, head, place, now)
        return following.on_foreign(key, head, place, now)

    def on_time(self, now: Now) -> list[EarlyScore]:
        """Do what is due; return the early scores whose input did not come."""
        given_up = self.engine.on_time(now)
        if self.following is not None:
            given_up += self.following.on_time(now)
        return given_up

    def on_policies(self, now: Now) -> None:
        """Look again for the revisions that were unknown."""
        self.engine.on_policies(now)
        if self.following is not None:
            self.following.on_policies(now)

    def next_time(self) -> int | None:
        """Return when on_time has something to do next."""
        due = self.engine.next_time()
        other = self.following.next_time() if self.following is not None else None
        if due is None or other is None:
            return other if due is None else due
        return min(due, other)

    def low_water(self) -> Place | None:
        """Return the lowest offsets that an open request may need, whoever answers it."""
        low = self.engine.low_water()
        other = self.following.low_water() if self.following is not None else None
        if low is None or other is None:
            return low or other
        inputs = [offset for offset in (low.input_offset, other.input_offset) if offset >= 0]
        return Place(min(inputs, default=-1), min(low.scores_offset, other.scores_offset))

    @property
    def open(self) -> int:
        """How many mailboxes are open, whoever answers their requests."""
        return self.engine.open + (self.following.open if self.following is not None else 0)

    def _follow(self) -> Following:
        if self.following is None:
            self.following = Following(self.engine, self._policies, self._limits)
        return self.following
