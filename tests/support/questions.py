"""Routes, inputs and scores for tests of what decides."""

from typing import NamedTuple

from rendezvous_contracts.values import to_fields
from rendezvous_engine.engine import Effects, Engine, Limits
from rendezvous_engine.mailbox import Place
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.policy import FixedPolicies, Policies, Policy, compile_policy
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import Route, Tier
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input, InputHead
from scoring.v1.score_pb2 import Score, ScoreHead, ScoreStatus

MS = 1_000
EPOCH = 1_800_000_000_000_000
OK = ScoreStatus.SCORE_STATUS_OK
FAILED = ScoreStatus.SCORE_STATUS_FAILED

FOREST = "wine-forest@3"
MLP = "wine-mlp@1"
LINEAR = "wine-linear@1"


class At(NamedTuple):
    """A moment: so many microseconds after the epoch of the test."""

    mono: int

    @property
    def wall(self) -> int:
        return EPOCH + self.mono


def wine(**changes: object) -> Route:
    """The route of the design: m3; after 20 ms m2; after 35 ms whatever came; at 50 ms the default."""
    route = Route(
        name="wine",
        sla_us=50 * MS,
        schedule=[
            Tier(model=FOREST),
            Tier(after_us=20 * MS, model=MLP),
            Tier(after_us=35 * MS, any=True),
        ],
        default=to_fields({"quality": 5.6}),
        canary=LINEAR,
    )
    route.MergeFrom(Route(**changes))  # type: ignore[arg-type]  # whatever the test changes
    return route


class Bench:
    """One engine, driven by hand: what a test does is one line each, and what came out is parsed."""

    def __init__(
        self, *routes: Route, limits: Limits | None = None, policies: Policies | None = None
    ) -> None:
        compiled: list[Policy] = [compile_policy(route, 1) for route in routes or (wine(),)]
        self.engine = Engine(policies or FixedPolicies(*compiled), limits)
        self.answers: list[Answer] = []
        self.repeats: list[Answer] = []
        self.decisions: list[Decision] = []
        self.raw_answers: list[bytes] = []
        self._offset = 0

    def ask(self, name: str = "a", at: int = 0, **head: object) -> InputOutcome:
        fields = {"route": "wine", "revision": 1, "sent_at_us": EPOCH + at, "budget_us": 50 * MS}
        fields |= {"digest": 7, "request_offset": self._offset, "extractor": "pass-through"} | head
        encoded = Input(id=name, **fields).SerializeToString()  # type: ignore[arg-type]  # named by the test
        place = Place(self._offset, 0)
        self._offset += 1
        outcome = self.engine.on_input(name.encode(), InputHead.FromString(encoded), place, At(at))
        self._take()
        return outcome

    def score(
        self, model: str, at: int, name: str = "a", status: "ScoreStatus.ValueType" = OK, quality: float = 5.0
    ) -> ScoreOutcome:
        outputs = to_fields({"quality": quality}) if status == OK else None
        raw = Score(model=model, status=status, request_id=name, outputs=outputs).SerializeToString()
        outcome = self.engine.on_score(name.encode(), ScoreHead.FromString(raw), raw, 0, At(at))
        self._take()
        return outcome

    def time(self, at: int) -> int:
        """Let it be *at*; return how many early scores were given up."""
        unknown = len(self.engine.on_time(At(at)))
        self._take()
        return unknown

    def recover(self, *answers: bytes) -> None:
        self.engine.recover([(Answer.FromString(answer).id.encode(), answer) for answer in answers])

    def _take(self) -> None:
        effects = self.engine.take_effects() or Effects()
        for box in effects.answered:
            assert box.answer is not None
            self.raw_answers.append(box.answer)
            self.answers.append(Answer.FromString(box.answer))
        self.repeats += [Answer.FromString(answer) for _, answer in effects.repeated]
        self.decisions += [Decision.FromString(decision) for _, decision, _ in effects.decided]

    @property
    def answer(self) -> Answer:
        (answer,) = self.answers
        return answer

    @property
    def decision(self) -> Decision:
        (decision,) = self.decisions
        return decision
