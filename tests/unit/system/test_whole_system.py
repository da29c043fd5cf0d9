"""The promises of the whole system, in memory and under virtual time, with processes that fail."""

from collections import Counter
from functools import partial

import pytest
from rendezvous_contracts.topics import INPUTS, REQUESTS
from scoring.v1.answer_pb2 import Answer, Source

from tests.support.questions import FOREST, LINEAR, MLP, MS
from tests.support.whole import Whole

MODELS = (FOREST, MLP, LINEAR)


def ask_for(whole: Whole, requests: int, *, every_us: int = 500) -> None:
    """Send *requests* at an even pace, and let the last one end."""
    for number in range(requests):
        whole.after(number * every_us, partial(whole.ask, f"r{number}"))
    whole.system.run_for(requests * every_us + 500 * MS)


def sources(whole: Whole) -> Counter[str]:
    first = [Answer.FromString(found[0]) for found in whole.answers().values()]
    return Counter(answer.model or Source.Name(answer.source) for answer in first)


def test_each_request_is_answered_once_by_the_champion() -> None:
    whole = Whole(seed=1)
    ask_for(whole, 500)

    assert {name: len(found) for name, found in whole.answers().items()} == dict.fromkeys(whole.sent, 1)
    assert sources(whole) == {FOREST: 500}
    assert not whole.late()
    decisions = whole.decided()
    assert decisions.keys() == whole.sent.keys()
    assert all(len(found) == 1 and len(found[0].scores) == 3 for found in decisions.values())


def test_the_last_request_of_a_quiet_stream_is_answered_on_time() -> None:
    whole = Whole(seed=2)
    for name in MODELS:
        whole.system.kill(name)
    whole.ask("alone")
    whole.system.run_for(60 * MS)

    assert sources(whole) == {"SOURCE_DEFAULT": 1}
    assert not whole.late()


def test_a_killed_champion_is_replaced_by_the_next_tier() -> None:
    whole = Whole(seed=3)
    whole.after(100 * MS, lambda: whole.system.kill(FOREST))
    ask_for(whole, 500)

    assert set(sources(whole)) == {FOREST, MLP}
    assert len(whole.answers()) == 500
    assert not whole.late()


def test_a_model_that_hangs_hurts_nothing_but_its_own_scores() -> None:
    whole = Whole(seed=4)
    whole.delays[MLP] = None
    ask_for(whole, 300)

    assert sources(whole) == {FOREST: 300}
    assert all(list(found[0].missing) == [MLP] for found in whole.decided().values())


@pytest.mark.parametrize("seed", range(3))
def test_no_request_is_lost_or_late_while_models_stall_and_die(seed: int) -> None:
    whole = Whole(seed=seed)
    for moment in range(20 * MS, 1_400 * MS, 60 * MS):
        whole.after(moment, lambda: disturb(whole))
    ask_for(whole, 3_000)

    assert Counter({name: len(found) for name, found in whole.answers().items()}) == Counter(
        dict.fromkeys(whole.sent, 1)
    )
    assert not whole.late()
    assert not whole.dead_letters()


def disturb(whole: Whole) -> None:
    name = whole.random.choice(MODELS)
    if not whole.system.members[name].alive:
        whole.restart(name)
    elif whole.random.random() < 0.4:
        whole.system.kill(name)
    else:
        whole.delays[name] = whole.random.choice([20, 300, 5 * MS])


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_rendezvous_comes_back_from_the_log(seed: int) -> None:
    whole = Whole(seed=seed)
    for moment in range(100 * MS, 1_000 * MS, 150 * MS):
        at = moment + whole.random.randrange(20 * MS)
        whole.after(at, lambda: whole.system.kill("rendezvous"))
        whole.after(at + 10 * MS, lambda: whole.restart("rendezvous"))
    ask_for(whole, 2_000)

    answers = whole.answers()
    assert answers.keys() == whole.sent.keys()
    assert [name for name, found in answers.items() if len(set(found)) > 1] == []
    assert [name for name, found in answers.items() if len(found) > 1] == []
    assert all(late < 12 * MS for late in whole.late().values()), "later than it was down"
    assert whole.decided().keys() == whole.sent.keys()


def test_a_killed_extractor_repeats_nothing_that_was_answered() -> None:
    whole = Whole(seed=7)
    for moment in range(100 * MS, 800 * MS, 200 * MS):
        whole.after(moment, lambda: whole.system.kill("extractor"))
        whole.after(moment + 5 * MS, lambda: whole.restart("extractor"))
    ask_for(whole, 1_500)

    assert {name: len(found) for name, found in whole.answers().items()} == dict.fromkeys(whole.sent, 1)


def test_poison_on_a_topic_stops_nobody() -> None:
    whole = Whole(seed=8)
    for topic in (REQUESTS, INPUTS, "scores"):
        for partition in range(4):
            whole.system.publish(topic, partition, b"x", b"\xff\xff\xff not a message")
            whole.system.publish(topic, partition, None, b"")
    ask_for(whole, 100)

    assert len(whole.answers()) == 100
    assert sources(whole) == {FOREST: 100}
    assert whole.dead_letters() > 0


def test_a_request_asked_twice_gets_the_same_bytes() -> None:
    whole = Whole(seed=9)
    whole.ask("twice")
    whole.system.run_for(20 * MS)
    whole.ask("twice")
    whole.system.run_for(200 * MS)

    found = whole.answers()["twice"]
    assert len(found) == 2
    assert found[0] == found[1]
    assert len(whole.decided()["twice"]) == 1
