"""A hundred thousand requests while models stall, die and are slow: each answered, none late."""

from collections import Counter

import pytest
from scoring.v1.answer_pb2 import Source

from tests.support.lateness import TOLERANCE_US, blame, extracted, run_queue
from tests.support.stacks import CHAMPION, RUNNER_UP, Running, check_answers
from tests.support.stalling import Stalls
from tests.support.stream import Answers, Load

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

REQUESTS = 100_000
# Two cores that also run the broker, all services and the tests keep up with this, if nothing else is theirs.
RATE = 1_250.0
# Any machine keeps up with these, so that it is the schedule that says who answers.
FEW, FEW_RATE = 1_000, 100.0


def test_100_000_requests_are_answered_in_time_while_models_stall_die_and_are_slow(
    system: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    with system.answers() as answers:
        with (
            run_queue(system.stack.status()) as queue,
            Stalls(
                system.stack, [system.champion, system.runner_up], slow=system.canary, kill_every_s=15.0
            ) as stalls,
        ):
            load = sent(system, answers, "stalled", RATE, REQUESTS)
            system.wait_settled()
            few = sent(system, answers, "few", FEW_RATE, FEW)
        system.wait_ready()
        system.wait_settled()
        answers.read()

    check_answers(load, answers)
    check_answers(few, answers)
    given = [answers.by_id[name][0].answer for name in (*load.sent, *few.sent)]
    late_us = sorted(answer.answered_at_us - answer.deadline_us for answer in given)
    blamed = dict(blame(given, extracted(system.bootstrap), queue))
    unexplained = {name: us for name, us in blamed.items() if us > TOLERANCE_US}
    sources = Counter(answer.model or Source.Name(answer.source) for answer in given)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are what this test is for
            f"\n{len(given)} answered, {dict(sources)}; {stalls.stalls} stalls, {stalls.kills} kills; "
            f"after the deadline by p99 {late_us[-len(late_us) // 100] / 1_000:.1f} ms, "
            f"at most {late_us[-1] / 1_000:.1f} ms; over {TOLERANCE_US / 1_000:g} ms: {len(blamed)}, "
            f"of them not the machine's: {len(unexplained)}"
        )
    assert stalls.stalls > 100
    assert stalls.kills >= 4
    assert {CHAMPION, RUNNER_UP} <= sources.keys()
    assert unexplained == {}


def sent(system: Running, answers: Answers, name: str, rate: float, most: int) -> Load:
    """Return the load called *name*, once all of it is sent and answered."""
    with system.load(name, rate=rate, most=most) as load:
        load.join(2 * most / rate)
        answers.wait_for_all(load.sent)
    return load
