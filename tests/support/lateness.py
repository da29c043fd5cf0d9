"""Which answers came after their deadline, and how much of that was the machine's part."""

from collections.abc import Iterable, Iterator
from typing import Final

from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_contracts.topics import INPUTS
from rendezvous_local.supervisor import ProcessStatus
from scoring.v1.answer_pb2 import Answer
from scoring.v1.input_pb2 import Input

from tests.support.stalling import RunQueue

# How long after its deadline an answer may leave. Not counted is what a machine that has more to do than the
# test adds: what a request took to `inputs` beyond its deadline, and from there on the time for which, as the
# kernel counts it, the broker or the services on its way could have run and had no processor, or had one that
# another machine of the same host used.
TOLERANCE_US: Final = 50_000
_WAY: Final = ("kafka", "feature-extractor", "rendezvous")


def run_queue(processes: Iterable[ProcessStatus], *others: int | None) -> RunQueue:
    """Return what notes the machine's part: of those on the way of a request, which have to live on."""
    return RunQueue([*others, *(each.pid for each in processes if each.name in _WAY)])


def extracted(bootstrap: str) -> dict[str, int]:
    """When each request got to `inputs`."""
    with TopicReader(Kafka(bootstrap), INPUTS) as reader:
        inputs = (Input.FromString(record.value() or b"") for record in reader.catch_up())
        return {each.id: each.extracted_at_us for each in inputs}


def blame(answers: Iterable[Answer], arrived: dict[str, int], queue: RunQueue) -> Iterator[tuple[str, int]]:
    """By how many microseconds each answer beyond the tolerance was late, less the machine's part."""
    for answer in answers:
        if answer.answered_at_us - answer.deadline_us > TOLERANCE_US:
            waited_us = queue.between(arrived[answer.id], answer.answered_at_us)
            owed_us = max(answer.deadline_us, arrived[answer.id])
            yield answer.id, answer.answered_at_us - owed_us - waited_us
