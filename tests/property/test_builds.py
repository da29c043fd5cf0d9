"""Who stamps and who answers, over any interleaving of two builds, the control log and their crashes."""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_control.state import BuildEntry, Stamp
from rendezvous_engine.engine import Effects, Engine, Limits
from rendezvous_engine.following import Following
from rendezvous_engine.policy import FixedPolicies, compile_policy
from rendezvous_feature_extractor.head import SETTLING_US, Head, Succession, Turn
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import SetBuild
from scoring.v1.input_pb2 import Input, InputHead
from scoring.v1.score_pb2 import Score, ScoreHead

from tests.support.questions import EPOCH, FOREST, MS, OK, At, wine

BUILDS = ("", "b")
WHO = st.sampled_from(BUILDS)
REQUESTS = 12


@dataclass(frozen=True)
class Name:
    """Another build is named in the control log."""

    build: str


@dataclass(frozen=True)
class Fold:
    """A build folds the control log."""

    who: str


@dataclass(frozen=True)
class Read:
    """A build reads what is next in `requests`, or in `inputs`."""

    who: str
    inputs: bool


@dataclass(frozen=True)
class Die:
    """The process of a build dies and comes back."""

    who: str


STEPS = st.lists(
    st.one_of(
        st.builds(Name, WHO),
        st.builds(Fold, WHO),
        st.builds(Read, WHO, st.booleans()),
        st.builds(Read, WHO, st.booleans()),
        st.builds(Read, WHO, st.booleans()),
        st.builds(Die, WHO),
    ),
    max_size=80,
)


@dataclass
class Extractor:
    """One process: as the handler does it, one record at a time."""

    build: str
    head: Head = field(init=False)
    succession: Succession = field(init=False)
    read: int = 0
    tail: int = 0
    folded: int = 0

    def __post_init__(self) -> None:
        self.head, self.succession = Head(self.build), Succession(self.build)


@dataclass
class Stamping:
    """One partition of `requests` and `inputs`, the control log, and both extractors."""

    control: list[BuildEntry] = field(default_factory=list)
    inputs: list[tuple[InputHead, int]] = field(default_factory=list)
    now: int = 0

    def __post_init__(self) -> None:
        self.processes = {build: Extractor(build) for build in BUILDS}

    def name(self, build: str) -> None:
        stamp = Stamp(len(self.control), "", "", 0, "")
        self.control.append(BuildEntry(SetBuild(service="", build=build), len(self.control) + 1, stamp))

    def fold(self, who: str) -> None:
        process = self.processes[who]
        process.folded = len(self.control)
        process.succession.heard(self.control[-1] if self.control else None, self.now)

    def read(self, who: str, *, inputs: bool) -> None:
        self.now += SETTLING_US
        process = self.processes[who]
        if inputs and process.tail < len(self.inputs):
            process.head.saw(self.inputs[process.tail][0])
            process.tail += 1
        elif process.read < REQUESTS:
            turn = process.head.turn(process.read, process.folded)
            if turn is Turn.MINE:
                self._stamp(process)
            if turn is not Turn.HELD:
                process.read += 1

    def _stamp(self, process: Extractor) -> None:
        successor = process.succession.successor(self.now)
        offset = process.folded if successor != process.build else 0
        head = InputHead(request_offset=process.read, next_build=successor, control_offset=offset)
        self.inputs.append((head, process.folded))
        process.head.stamped(process.read, successor)

    def die(self, who: str) -> None:
        """What a new process knows: all of the control log, and the last input."""
        process = self.processes[who] = Extractor(who, tail=len(self.inputs))
        self.fold(who)
        if self.inputs:
            process.head.saw(self.inputs[-1][0])

    def settle(self) -> None:
        for _ in range(2 * REQUESTS):
            for who in BUILDS:
                self.fold(who)
                self.read(who, inputs=True)
                self.read(who, inputs=False)


@given(STEPS)
@settings(max_examples=300)
def test_each_request_is_stamped_once_in_order_and_no_stamp_is_older_than_the_one_before(
    steps: list[Name | Fold | Read | Die],
) -> None:
    world = Stamping()
    for step in steps:
        match step:
            case Name(build):
                world.name(build)
            case Fold(who):
                world.fold(who)
            case Read(who, inputs):
                world.read(who, inputs=inputs)
            case Die(who):
                world.die(who)
    world.settle()

    assert [head.request_offset for head, _ in world.inputs] == list(range(REQUESTS))
    folded = [folded for _, folded in world.inputs]
    assert folded == sorted(folded)


@dataclass(frozen=True)
class Ask:
    """An input: a question, asked anew or once more."""

    number: int
    build: str


@dataclass(frozen=True)
class Take:
    """A build reads the next input, or the next answer of the other."""

    who: str
    answers: bool


@dataclass
class Rendezvous:
    """One build's view of a partition, as its handler has it."""

    build: str
    tail: int = 0
    read: int = 0

    def __post_init__(self) -> None:
        policies, limits = FixedPolicies(compile_policy(wine(), 1)), Limits()
        self.engine = Engine(policies, limits)
        self.following = Following(self.engine, policies, limits)


@given(
    st.lists(
        st.one_of(
            st.builds(Ask, st.integers(0, 4), WHO),
            st.builds(Take, WHO, st.booleans()),
            st.builds(Take, WHO, st.booleans()),
            st.builds(Take, WHO, st.booleans()),
        ),
        max_size=60,
    )
)
@settings(max_examples=300)
def test_each_request_is_answered_once_and_repeats_get_its_bytes_from_whoever_is_asked(
    steps: list[Ask | Take],
) -> None:
    inputs: list[Input] = []
    answers: list[tuple[bytes, bytes]] = []
    repeats: list[tuple[bytes, bytes]] = []
    builds = {build: Rendezvous(build) for build in BUILDS}
    now = 0

    def take(each: Rendezvous, *, follow: bool) -> None:
        nonlocal now
        now += 7  # so that no two builds would write the same answer
        if follow and each.tail < len(answers):
            each.following.on_answers([answers[each.tail]])
            each.tail += 1
        elif each.read < len(inputs):
            head = InputHead.FromString(inputs[each.read].SerializeToString())
            key, ours = head.id.encode(), head.answering_build == each.build
            take = each.following.on_own if ours else each.following.on_foreign
            take(key, head, (each.read, 0), At(now))
            score = Score(model=FOREST, status=OK, request_id=head.id, outputs=wine().default)
            raw = score.SerializeToString()
            each.following.on_score(key, ScoreHead.FromString(raw), raw, 0, At(now))
            each.read += 1
        effects = each.engine.take_effects() or Effects()
        answers.extend((box.id, box.answer or b"") for box in effects.answered)
        repeats.extend([*effects.repeated, *each.following.take_repeated()])

    for step in steps:
        match step:
            case Ask(number, build):
                inputs.append(
                    Input(
                        id=f"r{number}",
                        route="wine",
                        revision=1,
                        sent_at_us=EPOCH,
                        budget_us=50 * MS,
                        digest=1,
                        request_offset=len(inputs),
                        answering_build=build,
                    )
                )
            case Take(who, follow):
                take(builds[who], follow=follow)
    for _ in range(2 * len(inputs) + 2):
        for each in builds.values():
            take(each, follow=False)
            take(each, follow=True)

    asked = Counter(each.id.encode() for each in inputs)
    assert Counter(key for key, _ in answers) == Counter(asked.keys())
    effective = dict(answers)
    assert all(effective[key] == value for key, value in repeats)
    for key, times in Counter(key for key, _ in repeats).items():
        assert times < asked[key]
    first = {each.id: each.answering_build for each in reversed(inputs)}
    assert {Answer.FromString(value).id for value in effective.values()} == first.keys()
