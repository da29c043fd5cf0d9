"""Builds that follow in silence: under virtual time, whenever each process hears of a switch."""

from collections import Counter, defaultdict
from functools import partial

import pytest
from rendezvous_contracts.topics import INPUTS
from rendezvous_control.build_changes import EXTRACTOR, RENDEZVOUS
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import SetBuild, SetRoute
from scoring.v1.input_pb2 import Input
from scoring.v1.status_pb2 import Status

from tests.support.questions import FOREST, MS, wine
from tests.support.whole import Whole

BUILDS = ("", "b")
EACH_US = 1_200 * MS
REQUESTS = 600
EVERY_US = 10 * MS


def switch_around(whole: Whole) -> None:
    """Have b speak, then the default build again, of both services, with new revisions between."""
    changes = [
        SetBuild(service=RENDEZVOUS, build="b"),
        SetBuild(service=EXTRACTOR, build="b"),
        SetBuild(service=RENDEZVOUS),
        SetBuild(service=EXTRACTOR),
    ]
    for place, change in enumerate(changes, start=1):
        whole.after(place * EACH_US, partial(whole.say, change, 100 * MS))
    for place in range(60):
        route = SetRoute(route=wine(description=f"number {place}"))
        whole.after(place * 100 * MS + 7, partial(whole.say, route, 20 * MS))


def run(whole: Whole, *, repeats: bool = False) -> None:
    for number in range(REQUESTS):
        whole.after(number * EVERY_US, partial(whole.ask, f"r{number}"))
        if repeats and number % 3 == 0:
            pause = whole.random.choice([100, 2 * MS, 300 * MS, 1_500 * MS])
            whole.after(number * EVERY_US + pause, partial(again, whole, f"r{number}"))
    whole.system.run_for(REQUESTS * EVERY_US + 2_000 * MS)


def again(whole: Whole, name: str) -> None:
    sent = whole.sent[name]
    whole.ask(name)
    whole.sent[name] = sent


def inputs_of(whole: Whole) -> dict[int, list[Input]]:
    found = defaultdict(list)
    for record in whole.system.records(INPUTS):
        found[record.partition()].append(Input.FromString(record.value() or b""))
    return found


@pytest.mark.parametrize("seed", range(2))
def test_a_switch_there_and_back_loses_nothing_doubles_nothing_and_keeps_all_in_time(seed: int) -> None:
    whole = Whole(seed, BUILDS[1:])
    switch_around(whole)
    run(whole)

    assert {name: len(found) for name, found in whole.answers().items()} == dict.fromkeys(whole.sent, 1)
    assert {name: len(found) for name, found in whole.decided().items()} == dict.fromkeys(whole.sent, 1)
    assert not whole.late()
    assert not whole.dead_letters()
    for inputs in inputs_of(whole).values():
        assert [each.request_offset for each in inputs] == list(range(len(inputs)))
        revisions = [each.revision for each in inputs]
        assert revisions == sorted(revisions)
        stamping = runs([each.next_build for each in inputs])
        answering = runs([each.answering_build for each in inputs])
        assert stamping == answering == ["", "b", ""]
    assert set(Counter(Answer.FromString(found[0]).model for found in whole.answers().values())) == {FOREST}


def runs(names: list[str]) -> list[str]:
    """Return *names* with each repetition left out."""
    return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


@pytest.mark.parametrize("seed", range(2))
def test_a_repeat_gets_the_same_bytes_whichever_build_answers_by_then(seed: int) -> None:
    whole = Whole(seed, BUILDS[1:])
    switch_around(whole)
    run(whole, repeats=True)

    answers = whole.answers()
    assert answers.keys() == whole.sent.keys()
    for name, found in answers.items():
        assert len(set(found)) == 1, name
        # A repeat while the first is open shares its answer.
        assert len(found) <= (2 if int(name[1:]) % 3 == 0 else 1), name
    assert not whole.late()


@pytest.mark.parametrize("seed", range(3))
def test_processes_that_die_while_builds_are_switched_lose_nothing_and_double_no_answer(seed: int) -> None:
    whole = Whole(seed, BUILDS[1:])
    switch_around(whole)
    for place in range(20):
        name = whole.random.choice(
            [f"{kind}{build}" for kind in ("extractor", "rendezvous") for build in BUILDS]
        )
        at = place * 290 * MS + whole.random.randrange(100 * MS)
        whole.after(at, partial(whole.system.kill, name))
        whole.after(at + 10 * MS, partial(whole.restart, name))
    run(whole)

    assert {name: len(found) for name, found in whole.answers().items()} == dict.fromkeys(whole.sent, 1)
    assert not whole.dead_letters()
    for inputs in inputs_of(whole).values():
        offsets = [each.request_offset for each in inputs]
        assert list(dict.fromkeys(offsets)) == list(range(len(set(offsets))))


def test_a_build_that_is_gone_is_replaced_at_once_where_the_log_says_so() -> None:
    whole = Whole(1, BUILDS[1:])
    whole.after(500 * MS, partial(whole.system.kill, "extractor"))
    whole.after(700 * MS, partial(whole.say, SetBuild(service=EXTRACTOR, build="b", at_once=True), 10 * MS))
    for number in range(300):
        whole.after(number * EVERY_US, partial(whole.ask, f"r{number}"))
    whole.system.run_for(300 * EVERY_US + 500 * MS)

    assert {name: len(found) for name, found in whole.answers().items()} == dict.fromkeys(whole.sent, 1)


def test_who_speaks_where_is_said_on_status() -> None:
    whole = Whole(1, BUILDS[1:])
    whole.after(400 * MS, partial(whole.say, SetBuild(service=EXTRACTOR, build="b"), 100 * MS))
    whole.after(400 * MS, partial(whole.say, SetBuild(service=RENDEZVOUS, build="b"), 100 * MS))
    for number in range(400):
        whole.after(number * EVERY_US, partial(whole.ask, f"r{number}"))
    whole.system.run_for(400 * EVERY_US + 500 * MS)

    for kind in ("extractor", "rendezvous"):
        for build in BUILDS:
            status = Status()
            whole.system.members[f"{kind}{build}"].handler.describe(status)  # type: ignore[attr-defined]
            assert (status.build, list(status.partitions)) == (build, [0, 1, 2, 3])
            assert list(status.speaks_on) == ([0, 1, 2, 3] if build else [])
