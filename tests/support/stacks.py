"""A local stack with three models on the route wine, and what can be said of it from outside."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import wait_applied
from rendezvous_contracts.topics import (
    ANSWERS,
    CONTROL,
    DECISIONS,
    INPUTS,
    OUTCOMES,
    REQUESTS,
    SCORES,
)
from rendezvous_contracts.values import from_fields, to_fields
from rendezvous_decoy.reading import verify
from rendezvous_local.settings import LocalSettings
from rendezvous_local.stack import LocalStack
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.control_pb2 import Field, FieldType, Model, Route, Tier

from tests.support.broker import produce
from tests.support.control import control, model
from tests.support.pmml import regression
from tests.support.polling import wait_until
from tests.support.stream import PATIENCE_S, Answers, Asked, Callers, Load

PARTITIONS: Final = 4
SLA_US: Final = 200_000
CHAMPION, RUNNER_UP, CANARY = "wine-half@1", "wine-third@1", "wine-tenth@1"
# Each model says its factor times alcohol, so that an answer tells whether it is this request's.
FACTORS: Final = {CHAMPION: 0.5, RUNNER_UP: 0.3, CANARY: 0.1}
DEFAULT: Final = -1.0
_READY_S: Final = 150.0
_ALCOHOL: Final = Field(name="alcohol", type=FieldType.FIELD_TYPE_NUMBER)


def wine_models() -> list[Model]:
    """Return the three models."""
    return [linear(name, factor) for name, factor in FACTORS.items()]


def linear(name: str, factor: float) -> Model:
    """Return the model that says *factor* times alcohol, from its name@version."""
    called, _, version = name.partition("@")
    return model(called, version, regression({"alcohol": factor}))


def wine_route(
    *used: str, name: str = "wine", sla_us: int = SLA_US, canary: str = CANARY, any_after_us: int = 100_000
) -> Route:
    """Return a route whose tiers use *used*, 50 ms apart, and then whatever came."""
    schedule = [Tier(after_us=place * 50_000, model=each) for place, each in enumerate(used)]
    return Route(
        name=name,
        sla_us=sla_us,
        schedule=[*schedule, Tier(after_us=any_after_us, any=True)],
        default=to_fields({"quality": DEFAULT}),
        inputs=[_ALCOHOL],
        canary=canary,
    )


@dataclass(frozen=True)
class Running:
    """A stack that runs, and the processes of its models."""

    stack: LocalStack
    champion: str
    runner_up: str
    canary: str

    @property
    def bootstrap(self) -> str:
        """Where its broker is."""
        return self.stack.bootstrap_servers

    @property
    def services(self) -> list[str]:
        """All processes but the broker."""
        return [each.name for each in self.stack.status() if each.name != "kafka"]

    def load(self, name: str, **how: float | str | tuple[float, float] | None) -> Load:
        """Return load under ids that begin with *name*."""
        return Load(self.bootstrap, PARTITIONS, name, **how)  # type: ignore[arg-type]  # as the test says

    def callers(self, name: str) -> Callers:
        """Return callers of the gateway whose ids begin with *name*."""
        return Callers(self.stack.url(), name)

    def answers(self) -> Answers:
        """Return all answers, from the beginning."""
        return Answers(self.bootstrap, PARTITIONS)

    def restarts(self) -> dict[str, int]:
        """Return how often each process came back by itself."""
        return {each.name: each.restarts for each in self.stack.status()}

    def wait_ready(self) -> None:
        """Return once every process is ready."""
        self.stack.wait_ready(["kafka", *self.services], _READY_S)

    def kill(self, name: str) -> None:
        """End *name* as kill -9 does, and return once its successor runs."""
        before = self.restarts()[name]
        self.stack.kill(name)
        wait_until(lambda: self.restarts()[name] > before, PATIENCE_S, f"{name} is started again")

    def wait_settled(self) -> None:
        """Return once every group has committed all that there is."""
        # Under another load than a test's own, a broker that is asked too often is the load.
        behind: dict[str, int] = {}

        def settled() -> bool:
            behind.clear()
            behind.update(lags(self.bootstrap))
            return not behind

        try:
            wait_until(settled, PATIENCE_S, "all is read and committed", every_s=0.5)
        except AssertionError:
            raise AssertionError(f"after {PATIENCE_S:g} s not committed: {behind}") from None

    def check_archive(self) -> None:
        """Every record of the archived topics is in the archive exactly once, when all is settled."""
        self.wait_settled()
        topics = (INPUTS, DECISIONS, OUTCOMES)
        ends = {place: end for place, end in end_offsets(self.bootstrap).items() if place[0] in topics}
        reports = verify(self.stack.archive_dir)
        assert {tuple(place): report.rows for place, report in reports.items() if report.rows} == ends
        assert [place for place, report in reports.items() if not report.exact] == []


@contextmanager
def running(folder: Path) -> Iterator[Running]:
    """Run the whole system with three models on the route wine until the block ends."""
    settings = LocalSettings(
        data_dir=folder,
        kafka_port=0,
        gateway_port=0,
        partitions=PARTITIONS,
        kafka_heap="256m",
        kafka_short_lived=True,
        ready_timeout_s=_READY_S,
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RENDEZVOUS_ARCHIVE_FLUSH_S", "0.5")
        environment.setenv("RENDEZVOUS_JVM_HEAP_MB", "64")
        with LocalStack(settings) as stack:
            publish(stack, *wine_models(), wine_route(CHAMPION, RUNNER_UP))
            system = Running(
                stack,
                champion=stack.start_model(CHAMPION),
                runner_up=stack.start_model(RUNNER_UP),
                canary=stack.start_model(CANARY, canary=True),
            )
            system.wait_ready()
            yield system


def publish(stack: LocalStack, *changes: Model | Route) -> None:
    """Append *changes* to the control log and return once every service has applied them."""
    start = end_offsets(stack.bootstrap_servers, (CONTROL,)).get((CONTROL, 0), 0)
    messages = [control(f"c{start + place}", change) for place, change in enumerate(changes)]
    produce(stack.bootstrap_servers, CONTROL, [message.SerializeToString() for message in messages])
    wait_applied(Kafka(stack.bootstrap_servers), start + len(changes) - 1, PATIENCE_S)


Ends = dict[tuple[str, int], int]
_STREAM: Final = (REQUESTS, INPUTS, SCORES, ANSWERS, DECISIONS, OUTCOMES)


def end_offsets(bootstrap: str, topics: tuple[str, ...] = _STREAM) -> Ends:
    """Return the offset after the last record of each partition that has any."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    count = admin.list_topics(timeout=PATIENCE_S).topics
    wanted = {
        TopicPartition(topic, number): OffsetSpec.latest()
        for topic in topics
        for number in count[topic].partitions
    }
    found = admin.list_offsets(wanted, request_timeout=PATIENCE_S)
    ends = {(at.topic, at.partition): future.result().offset for at, future in found.items()}
    return {place: end for place, end in ends.items() if end}


_READ_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "rendezvous.feature-extractor": (REQUESTS,),
    "rendezvous.model-container.wine-half.1": (INPUTS,),
    "rendezvous.model-container.wine-third.1": (INPUTS,),
    "rendezvous.canary.wine-tenth.1": (INPUTS, SCORES),
    "rendezvous.rendezvous": (INPUTS, SCORES),
    "rendezvous.gateway": (ANSWERS,),
    "rendezvous.decoy": (INPUTS, DECISIONS, OUTCOMES),
}


def lags(bootstrap: str) -> dict[str, int]:
    """Return how many records each group has not committed, where there are any."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    ends = end_offsets(bootstrap)
    found: dict[str, int] = {}
    for group, topics in _READ_BY.items():
        asked = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=PATIENCE_S
        )
        committed = {(at.topic, at.partition): at.offset for at in asked[group].result().topic_partitions}
        for place, end in ends.items():
            if place[0] in topics and committed.get(place, 0) != end:
                found[f"{group} {place[0]}[{place[1]}]"] = end - committed.get(place, 0)
    return found


def check_answers(load: Load, answers: Answers) -> None:
    """Every request of *load* has one answer in the log, no more, and it is the right one for it."""
    found = answers.by_id
    assert [each for each in load.sent if each not in found] == [], "lost"
    assert [each for each in load.sent if len(found[each]) > 1] == [], "answered twice"
    wrong = [each for each, asked in load.sent.items() if not is_right(asked, found[each][0].answer)]
    assert wrong == [], found[wrong[0]][0].answer


def is_right(asked: Asked, answer: Answer) -> bool:
    """Return whether *answer* says about *asked* what its source would, for this very request."""
    quality = from_fields(answer.outputs).get("quality")
    if answer.sent_at_us != asked.sent_at_us or not isinstance(quality, float):
        return False
    if answer.source == Source.SOURCE_MODEL:
        return abs(quality - FACTORS[answer.model] * asked.alcohol) < 1e-6
    return answer.source == Source.SOURCE_DEFAULT and quality == DEFAULT and bool(answer.reason)


def check_callers(callers: Callers, answers: Answers, *, forgiven: Callable[[int], bool]) -> None:
    """
    Every caller got a right answer, the one that the log has where it came from there.

    *forgiven* says which statuses may be there besides 200; 0 is a connection that broke.
    """
    assert not callers.unexpected
    assert any(reply.status == 200 for reply in callers.replies.values())
    for request_id, reply in callers.replies.items():
        if reply.status != 200:
            assert forgiven(reply.status), (request_id, reply)
            continue
        said = reply.document
        factor = FACTORS.get(said["model"] or "")
        expected = DEFAULT if factor is None else factor * reply.alcohol
        assert abs(said["outputs"]["quality"] - expected) < 1e-6, (request_id, reply)
        if said["source"] != "gateway":
            (logged,) = answers.by_id[request_id]
            assert logged.answer.model == (said["model"] or ""), (request_id, reply)
