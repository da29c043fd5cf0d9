"""The whole system under load, while its processes are killed."""

from random import Random

import pytest

from tests.support.stacks import Running, check_answers, check_callers

pytestmark = pytest.mark.kafka

KINDS = ("gateway", "feature-extractor", "model-container", "canary", "decoy", "rendezvous")


def process_of(system: Running, kind: str) -> str:
    """The name of the process; of model containers the champion's."""
    return {"model-container": system.champion, "canary": system.canary}.get(kind, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_kill_9_under_load_loses_nothing(system: Running, kind: str) -> None:
    name = process_of(system, kind)
    moment = Random(kind).randrange(50, 300)  # noqa: S311 - explores, protects nothing
    with system.load(kind) as load, system.callers(kind) as callers, system.answers() as answers:
        answers.wait_for_more(100)
        load.wait_for_more(moment)
        system.kill(name)
        system.wait_ready()
        load.wait_for_more(200)
        load.stop()
        callers.stop()
        answers.wait_for_all(load.sent)
        system.wait_settled()
        answers.read()

    check_answers(load, answers)
    restarting = (0, 503) if kind == "gateway" else ()
    check_callers(callers, answers, forgiven=restarting.__contains__)
    system.check_archive()


def test_kill_9_of_one_after_the_other_before_they_are_back_loses_nothing(system: Running) -> None:
    random = Random(7)  # noqa: S311 - as above
    with system.load("any") as load, system.callers("any") as callers, system.answers() as answers:
        answers.wait_for_more(100)
        for kind in random.sample(KINDS, k=len(KINDS)):
            load.wait_for_more(random.randrange(20, 300))
            system.stack.kill(process_of(system, kind))
        load.wait_for_more(300)
        system.wait_ready()
        load.wait_for_more(200)
        load.stop()
        callers.stop()
        answers.wait_for_all(load.sent)
        system.wait_settled()
        answers.read()

    check_answers(load, answers)
    check_callers(callers, answers, forgiven=(0, 503).__contains__)
    system.check_archive()
