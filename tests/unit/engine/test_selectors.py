"""Each `use:` by itself: with what it answers, and when it stops waiting."""

from collections import Counter
from dataclasses import dataclass, field

import pytest
from rendezvous_contracts.routes import COMBINATIONS
from rendezvous_contracts.values import Plain, from_fields, to_fields
from rendezvous_engine.compiling import compile_selector
from rendezvous_engine.policy import FixedPolicies, compile_policy
from rendezvous_engine.selectors import Selector
from scoring.v1.answer_pb2 import Source
from scoring.v1.control_pb2 import Combined, Route, Share, Tier, Weighted
from scoring.v1.input_pb2 import InputHead
from scoring.v1.value_pb2 import Fields

from tests.support.questions import FAILED, FOREST, LINEAR, MLP, MS, Bench, wine

A, B, C = "a@1", "b@1", "c@1"


@dataclass
class Box:
    """What a selector sees of a mailbox."""

    usable: dict[str, bytes] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    head: InputHead = field(default_factory=InputHead)
    id: bytes = b"q"


def selector(tier: Tier, models: tuple[str, ...] = (), qualities: dict[str, float] | None = None) -> Selector:
    return compile_selector(Route(name="wine", schedule=[tier], models=models), 1, 1, qualities or {})


def scored(**values: Plain) -> bytes:
    return to_fields(values).SerializeToString()


def combined(kind: str, at_least: int, *models: str, voted: str = "") -> Selector:
    return selector(
        Tier(combined=Combined(combination=COMBINATIONS[kind], models=models, at_least=at_least, field=voted))
    )


def outputs(chooser: Selector, box: Box) -> dict[str, Plain] | None:
    choice = chooser.choose(box)
    return None if choice is None else from_fields(Fields.FromString(choice[1]))


@pytest.mark.parametrize(
    ("kind", "numbers", "result"),
    [
        ("median", [1.0, 2.0, 9.0], 2.0),
        ("median", [1.0, 2.0], 1.5),
        ("mean", [1.0, 2.0, 9.0], 4.0),
        ("mean", [1e308, 1.7e308], 1.35e308),
        ("median", [3], 3.0),
        ("mean", [1, 2], 1.5),
    ],
)
def test_numbers_have_a_middle(kind: str, numbers: list[float], result: float) -> None:
    models = [f"m{place}@1" for place in range(len(numbers))]
    box = Box({model: scored(x=number) for model, number in zip(models, numbers, strict=True)})

    assert outputs(combined(kind, len(numbers), *models), box) == {"x": result}


def test_only_numbers_that_all_have_are_combined() -> None:
    box = Box({A: scored(x=1.0, y=1.0, t="red", f=True), B: scored(x=3.0, t="red", f=True)})

    assert outputs(combined("mean", 2, A, B), box) == {"x": 2.0}


@pytest.mark.parametrize(
    ("usable", "failed", "answered", "hopeless"),
    [
        ({}, set(), False, False),
        ({A: scored(x=1.0)}, set(), False, False),
        ({A: scored(x=1.0), C: scored(x=1.0)}, set(), True, False),
        ({A: scored(x=1.0)}, {B}, False, False),
        ({A: scored(x=1.0)}, {B, C}, False, True),
        ({}, {B, C}, False, True),
        ({A: scored(x=1.0), B: scored(x="one")}, set(), False, False),
        ({A: scored(x=1.0), B: scored(x="one"), C: scored(x=3.0)}, set(), False, True),
        ({A: scored(x=1.0), B: b"\xff", C: scored(x=3.0)}, set(), True, False),
        ({A: scored(x=1.0), B: b"\xff"}, {C}, False, True),
    ],
)
def test_a_mean_of_at_least_2_of_3_waits_for_them_as_long_as_it_can_help(
    usable: dict[str, bytes], failed: set[str], answered: bool, hopeless: bool
) -> None:
    chooser, box = combined("mean", 2, A, B, C), Box(usable, failed)

    assert (chooser.choose(box) is not None) == answered
    assert answered or chooser.hopeless(box) == hopeless


@pytest.mark.parametrize(
    ("votes", "winner"),
    [
        ({A: "red", B: "red"}, A),
        ({A: "red", B: "blue"}, None),
        ({A: "red", B: "blue", C: "blue"}, B),
        ({A: 1, B: True, C: 1.0}, None),
        ({A: None, B: None, C: "red"}, None),
        ({A: "red"}, None),
    ],
)
def test_a_majority_gives_the_outputs_of_the_first_that_is_in_it(
    votes: dict[str, Plain], winner: str | None
) -> None:
    box = Box({model: scored(kind=vote, by=model) for model, vote in votes.items()})

    answer = outputs(combined("majority", 2, A, B, C, voted="kind"), box)

    assert (answer["by"] if answer else None) == winner


def test_best_quality_ranks_by_the_qualities_of_the_revision_and_then_as_listed() -> None:
    chooser = selector(Tier(best_quality=True), (A, B, C), {A: 0.2, B: 0.9, C: 0.9})
    box = Box({A: b"a", C: b"c"})
    assert (chooser.choose(box) or [None, None])[1] == b"c"

    box.usable[B] = b"b"
    assert (chooser.choose(box) or [None, None])[1] == b"b"


def weighted(*shares: tuple[str, int]) -> Tier:
    return Tier(weighted=Weighted(shares=[Share(model=model, share=share) for model, share in shares]))


def drawn(tier: Tier, *, key: str = "", request_id: str = "q") -> str:
    box = Box({A: b"a", B: b"b", C: b"c"}, head=InputHead(key=key), id=request_id.encode())
    choice = selector(tier).choose(box)
    assert choice is not None
    return choice[0].model


def test_shares_are_kept_and_sticky_by_key() -> None:
    tier = weighted((A, 9_000), (B, 1_000))

    counts = Counter(drawn(tier, key=f"customer-{number}") for number in range(5_000))

    assert 400 < counts[B] < 600
    assert len({drawn(tier, key="customer-7", request_id=str(number)) for number in range(50)}) == 1


def test_without_a_key_the_request_s_id_draws() -> None:
    tier = weighted((A, 5_000), (B, 5_000))

    assert {drawn(tier, request_id=str(number)) for number in range(50)} == {A, B}
    assert drawn(tier, request_id="7") == drawn(tier, key="7", request_id="8")


def test_a_ramp_moves_nobody_back() -> None:
    keys = [f"customer-{number}" for number in range(300)]
    before: set[str] = set()
    for share in (0, 1, 100, 1_000, 5_000, 9_999, 10_000):
        tier = weighted((A, 10_000 - share), (B, share))
        now = {key for key in keys if drawn(tier, key=key) == B}
        assert before <= now
        before = now
    assert before == set(keys)


def test_a_model_without_a_share_is_never_drawn() -> None:
    tier = weighted((A, 0), (B, 10_000), (C, 0))

    assert {drawn(tier, key=str(number)) for number in range(300)} == {B}


def test_who_was_not_drawn_does_not_answer_and_who_was_drawn_and_failed_is_not_waited_for() -> None:
    chooser = selector(weighted((A, 10_000), (B, 0)))

    assert chooser.choose(Box({B: b"b"})) is None
    assert not chooser.hopeless(Box({B: b"b"}))
    assert chooser.hopeless(Box(failed={A}))


def test_a_request_is_answered_by_the_model_that_its_key_draws() -> None:
    route = wine()
    del route.schedule[:]
    route.schedule.append(weighted((FOREST, 5_000), (MLP, 5_000)))
    route.schedule.append(Tier(after_us=20 * MS, any=True))
    answers = {}
    for key in map(str, range(20)):
        bench = Bench(route)
        bench.ask(key=key)
        bench.score(FOREST, 1)
        bench.score(MLP, 2)
        answers[key] = bench.answer

    assert {answer.model for answer in answers.values()} == {FOREST, MLP}
    assert {answer.rule for answer in answers.values()} == {"use 50% wine-forest@3, 50% wine-mlp@1"}
    assert {answer.answered_at_us - answer.sent_at_us for answer in answers.values()} == {1, 2}


def test_a_tier_behind_a_drawn_model_that_failed_opens_at_once() -> None:
    route = wine()
    route.schedule[0].CopyFrom(weighted((FOREST, 10_000), (LINEAR, 0)))
    bench = Bench(route)
    bench.ask()
    bench.score(MLP, 5)
    bench.score(FOREST, 6, status=FAILED)

    assert (bench.answer.model, bench.answer.tier) == (MLP, 2)


def test_an_answer_that_several_gave_names_its_rule_and_all_that_came() -> None:
    route = wine()
    median = Combined(combination=COMBINATIONS["median"], models=[FOREST, MLP, LINEAR], at_least=2)
    route.schedule[0].CopyFrom(Tier(combined=median))
    bench = Bench(route)
    bench.ask()
    bench.score(FOREST, 1, quality=4.0)
    bench.score(LINEAR, 3, quality=5.0)

    answer = bench.answer
    assert answer.outputs.values["quality"].number == 4.5
    assert (answer.source, answer.model, answer.tier) == (Source.SOURCE_MODEL, "", 1)
    assert answer.rule == "use median of at least 2 of wine-forest@3, wine-mlp@1, wine-linear@1"
    assert [arrival.model for arrival in answer.arrivals] == [FOREST, LINEAR]
    assert answer.answered_at_us - answer.sent_at_us == 3


def test_qualities_reach_the_policy_of_their_revision() -> None:
    route = wine()
    route.schedule[0].CopyFrom(Tier(best_quality=True))
    policy = compile_policy(route, 1, {MLP: 0.9, FOREST: 0.1})
    bench = Bench(policies=FixedPolicies(policy))
    bench.ask(budget_us=10 * MS)
    bench.score(MLP, 1)

    assert bench.answer.model == MLP
