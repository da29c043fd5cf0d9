"""A hundred thousand requests while models stall, die and are slow: each answered, none late."""

from collections import Counter
from collections.abc import Iterator

import pytest
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_contracts.topics import INPUTS
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.input_pb2 import Input

from tests.support.stacks import CHAMPION, RUNNER_UP, Running, check_answers
from tests.support.stalling import RunQueue, Stalls

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

REQUESTS = 100_000
# Two cores that also run the broker, all services and the tests keep up with this.
RATE = 1_250.0
# How long after its deadline an answer may leave. Not counted is what a machine that has more to do than this
# test adds: what a request took to `inputs` beyond its deadline, and from there on the time for which, as the
# kernel counts it, the broker or the services on its way could have run and had no processor.
TOLERANCE_US = 50_000


def test_100_000_requests_are_answered_in_time_while_models_stall_die_and_are_slow(
    system: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    way = ("kafka", "feature-extractor", "rendezvous")
    pids = [each.pid for each in system.stack.status() if each.name in way]
    with system.load("stalled", rate=RATE, most=REQUESTS) as load, system.answers() as answers:
        with (
            RunQueue(pids) as queue,
            Stalls(
                system.stack, [system.champion, system.runner_up], slow=system.canary, kill_every_s=15.0
            ) as stalls,
        ):
            load.join(2 * REQUESTS / RATE)
            answers.wait_for_all(load.sent)
        system.wait_ready()
        system.wait_settled()
        answers.read()

    check_answers(load, answers)
    given = [answers.by_id[name][0].answer for name in load.sent]
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


def extracted(bootstrap: str) -> dict[str, int]:
    """When each request got to `inputs`."""
    with TopicReader(Kafka(bootstrap), INPUTS) as reader:
        inputs = (Input.FromString(record.value() or b"") for record in reader.catch_up())
        return {each.id: each.extracted_at_us for each in inputs}


def blame(answers: list[Answer], arrived: dict[str, int], queue: RunQueue) -> Iterator[tuple[str, int]]:
    """By how many microseconds each answer beyond the tolerance was late, less the machine's part."""
    for answer in answers:
        if answer.answered_at_us - answer.deadline_us > TOLERANCE_US:
            waited_us = queue.between(arrived[answer.id], answer.answered_at_us)
            owed_us = max(answer.deadline_us, arrived[answer.id])
            yield answer.id, answer.answered_at_us - owed_us - waited_us
