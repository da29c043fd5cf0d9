"""The engine's promises over any interleaving of inputs, scores, time, repeats and restarts."""

from collections import Counter
from dataclasses import dataclass, field

from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_contracts.values import to_fields
from rendezvous_engine.engine import Effects, Engine
from rendezvous_engine.mailbox import Place
from rendezvous_engine.outcomes import InputOutcome, ScoreOutcome
from rendezvous_engine.policy import FixedPolicies, compile_policy
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input, InputHead
from scoring.v1.score_pb2 import Score, ScoreHead, ScoreStatus

from tests.support.questions import EPOCH, FAILED, FOREST, LINEAR, MLP, MS, OK, At, wine

IDS = st.sampled_from(["a", "b", "c", "d"])
MODELS = st.sampled_from([FOREST, MLP, LINEAR, "wine-stranger@1"])

PINS = st.sampled_from(["", "", MLP, LINEAR, "wine-stranger@1"])


@dataclass(frozen=True)
class Ask:
    name: str
    digest: int
    budget_us: int
    pinned: str = ""


@dataclass(frozen=True)
class Say:
    name: str
    model: str
    status: "ScoreStatus.ValueType"


@dataclass(frozen=True)
class Wait:
    us: int


@dataclass(frozen=True)
class Crash:
    pass


Step = Ask | Say | Wait | Crash

STEPS = st.lists(
    st.one_of(
        st.builds(Ask, IDS, st.integers(1, 2), st.sampled_from([50 * MS, 10 * MS, 0]), PINS),
        st.builds(Say, IDS, MODELS, st.sampled_from([OK, OK, OK, FAILED])),
        st.builds(Say, IDS, MODELS, st.sampled_from([OK, OK, OK, FAILED])),
        st.builds(Wait, st.sampled_from([1, 900, 9_999, 10_000, 20_000, 35_000, 60_000])),
        st.just(Crash()),
    ),
    max_size=60,
)


@dataclass
class World:
    """A log of inputs and scores, an engine that can crash, and all that it ever wrote."""

    now: int = 0
    inputs: list[tuple[str, bytes]] = field(default_factory=list)
    scores: list[tuple[str, bytes]] = field(default_factory=list)
    answers: list[tuple[bytes, bytes, int]] = field(default_factory=list)
    repeats: list[tuple[bytes, bytes]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    deadlines: dict[str, int] = field(default_factory=dict)
    digests: dict[str, int] = field(default_factory=dict)
    asked: dict[str, int] = field(default_factory=dict)
    pinned: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.engine = self._new()

    def _new(self) -> Engine:
        return Engine(FixedPolicies(compile_policy(wine(), 1)))

    def ask(self, step: Ask) -> None:
        self.deadlines.setdefault(step.name, self.now + step.budget_us)
        self.asked.setdefault(step.name, self.now)
        self.pinned.setdefault(step.name, step.pinned)
        first = self.digests.setdefault(step.name, step.digest)
        message = Input(
            id=step.name, route="wine", revision=1, sent_at_us=EPOCH + self.now, budget_us=step.budget_us,
            digest=step.digest, request_offset=len(self.inputs), extractor="pass-through",
            model=step.pinned,
        )  # fmt: skip
        self.inputs.append((step.name, message.SerializeToString()))
        outcome = self._read_input(len(self.inputs) - 1)
        assert (outcome is InputOutcome.CONFLICTING) == (step.digest != first)

    def say(self, step: Say) -> None:
        outputs = to_fields({"quality": 5.0}) if step.status == OK else None
        message = Score(model=step.model, status=step.status, request_id=step.name, outputs=outputs)
        self.scores.append((step.name, message.SerializeToString()))
        self._read_score(len(self.scores) - 1)

    def wait(self, us: int) -> None:
        """Let time pass, with on_time called whenever it is wanted."""
        end = self.now + us
        while (due := self.engine.next_time()) is not None and due <= end:
            self.now = max(self.now, due)
            self.engine.on_time(At(self.now))
            self._take()
            following = self.engine.next_time()
            assert following is None or following > self.now, "a timer that is due twice never ends"
        self.now = end

    def crash(self) -> None:
        """Lose the engine; the next one reads back all answers, and goes on from the low-water offsets."""
        low = self.engine.low_water()
        first_input = low.input_offset if low and low.input_offset >= 0 else len(self.inputs)
        first_score = low.scores_offset if low else len(self.scores)
        self.engine = self._new()
        self.engine.recover((key, value) for key, value, _ in self.answers)
        for offset in range(first_input, len(self.inputs)):
            self._read_input(offset)
        for offset in range(first_score, len(self.scores)):
            self._read_score(offset)

    def _read_input(self, offset: int) -> InputOutcome:
        name, raw = self.inputs[offset]
        place = Place(offset, 0)
        outcome = self.engine.on_input(name.encode(), InputHead.FromString(raw), place, At(self.now))
        self._take()
        return outcome

    def _read_score(self, offset: int) -> ScoreOutcome:
        name, raw = self.scores[offset]
        outcome = self.engine.on_score(name.encode(), ScoreHead.FromString(raw), raw, offset, At(self.now))
        self._take()
        return outcome

    def _take(self) -> None:
        effects = self.engine.take_effects() or Effects()
        self.answers += [(box.id, box.answer or b"", self.now) for box in effects.answered]
        self.repeats += effects.repeated
        self.decisions += [Decision.FromString(value) for _, value, _ in effects.decided]


def play(steps: list[Step]) -> World:
    world = World()
    for step in steps:
        match step:
            case Ask():
                world.ask(step)
            case Say():
                world.say(step)
            case Wait(us):
                world.wait(us)
            case Crash():
                world.crash()
    world.wait(10_000_000)
    return world


@given(STEPS)
@settings(max_examples=300)
def test_each_request_gets_exactly_one_answer_and_repeats_get_the_same(steps: list[Step]) -> None:
    world = play(steps)

    assert Counter(key.decode() for key, _, _ in world.answers) == Counter(world.digests.keys())
    effective = {key: value for key, value, _ in world.answers}
    assert all(effective[key] == value for key, value in world.repeats)


@given(STEPS)
@settings(max_examples=300)
def test_no_answer_is_later_than_its_deadline(steps: list[Step]) -> None:
    world = play(steps)

    for key, value, at in world.answers:
        answer = Answer.FromString(value)
        deadline = world.deadlines[key.decode()]
        assert at <= max(deadline, world.asked[key.decode()])
        assert answer.answered_at_us == EPOCH + at


@given(STEPS)
@settings(max_examples=300)
def test_an_answer_names_a_model_whose_usable_score_had_come(steps: list[Step]) -> None:
    world = play(steps)
    for _, value, _ in world.answers:
        answer = Answer.FromString(value)
        usable = {arrival.model for arrival in answer.arrivals if arrival.status == OK}
        pinned = world.pinned[answer.id]
        if answer.source == Source.SOURCE_DEFAULT:
            assert not usable & {FOREST, MLP, pinned}
            assert answer.reason
            continue
        assert answer.model in usable
        assert answer.model in {FOREST, MLP, pinned}
        if answer.tier:
            assert bool(answer.reason) == bool(pinned)
            assert pinned not in usable
        else:
            assert answer.model == pinned
            assert (answer.rule, answer.reason) == (f"pinned {pinned}", "")
        assert not len(UnknownFieldSet(answer))


@given(STEPS)
@settings(max_examples=300)
def test_every_answer_reaches_a_decision_and_memory_empties(steps: list[Step]) -> None:
    world = play(steps)

    effective = {key.decode(): Answer.FromString(value) for key, value, _ in world.answers}
    assert {decision.answer.id for decision in world.decisions} == effective.keys()
    for decision in world.decisions:
        assert decision.answer == effective[decision.answer.id]
        assert [arrival.model for arrival in decision.arrivals] == [score.model for score in decision.scores]
        scored = {score.model for score in decision.scores}
        pinned = {world.pinned[decision.answer.id]} - {""}
        assert set(decision.missing) == ({FOREST, MLP, LINEAR} | pinned) - scored
    assert world.engine.open == 0
    assert world.engine.low_water() is None
    assert world.engine.next_time() is None
