"""The token: under load, extractor, model and schedule are switched, and each request has one revision."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeVar

import httpx
import pytest
from confluent_kafka import Message, Producer
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_client.status import wait_applied
from rendezvous_contracts.routes import describe_tier
from rendezvous_contracts.topics import ANSWERS, CONTROL, DEAD_LETTERS, DECISIONS, INPUTS, REQUESTS, SCORES
from rendezvous_contracts.values import from_fields, to_fields
from scoring.v1.answer_pb2 import Answer, Source
from scoring.v1.control_pb2 import Extractor, RemoveModel, Route, Scale, Step, Tier
from scoring.v1.decision_pb2 import Decision
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request
from scoring.v1.score_pb2 import Score, ScoreStatus
from scoring.v1.value_pb2 import Fields

from tests.support.broker import produce
from tests.support.control import asked, control
from tests.support.polling import wait_until
from tests.support.stacks import (
    CANARY,
    CHAMPION,
    DEFAULT,
    FACTORS,
    PARTITIONS,
    RUNNER_UP,
    Running,
    end_offsets,
    linear,
    publish,
)
from tests.support.stream import PATIENCE_S, Load

pytestmark = pytest.mark.kafka

ROUTE = "token"
SWITCHES = 200
RATE = 500.0
# So long that no pause of a busy machine is taken for a defect: what is lost or stuck is late even so.
SLA_US = 5_000_000
TOLERANCE_US = 100_000


Read = TypeVar("Read", Request, Score, Answer, Decision)


class Under(NamedTuple):
    """What everything under one revision of the route has to show."""

    revision: int

    @property
    def model(self) -> str:
        return RUNNER_UP if self.revision % 2 else CHAMPION

    @property
    def extractor(self) -> str:
        return f"plus-{self.revision}"

    @property
    def tier(self) -> Tier:
        return Tier(after_us=self.revision, model=self.model)

    @property
    def route(self) -> Route:
        plus = Scale(field="alcohol", offset=-float(self.revision), factor=1.0)
        return Route(
            name=ROUTE,
            sla_us=SLA_US,
            schedule=[self.tier],
            default=to_fields({"quality": -float(self.revision)}),
            canary=CANARY,
            extractor=Extractor(name=self.extractor, steps=[Step(scale=plus)]),
        )

    def features(self, alcohol: float) -> float:
        return alcohol + self.revision

    def check_answer(self, answer: Answer, alcohol: float) -> None:
        """Its extractor, its model and its rule are this revision's, and its figures are theirs."""
        assert answer.extractor == self.extractor, answer
        if answer.source == Source.SOURCE_DEFAULT:
            assert quality(answer.outputs) == -self.revision, answer
            return
        assert answer.source == Source.SOURCE_MODEL, answer
        assert (answer.model, answer.tier, answer.rule) == (self.model, 1, describe_tier(self.tier)), answer
        expected = FACTORS[self.model] * self.features(alcohol)
        assert quality(answer.outputs) == pytest.approx(expected), answer


def quality(fields: Fields) -> float:
    found = from_fields(fields)["quality"]
    assert isinstance(found, float)
    return found


def test_200_switches_under_load_leave_each_request_under_one_revision(system: Running) -> None:
    publish(system.stack, Under(1).route)
    with system.load("token", route=ROUTE, rate=RATE) as load:
        switch(system.bootstrap)
        load.stop()
    log = Log.read(system.bootstrap, load)

    assert load.sent.keys() == log.requests.keys() == log.inputs.keys()
    assert {name: len(found) for name, found in log.answers.items()} == dict.fromkeys(load.sent, 1)
    assert log.refused == 0
    check_inputs(log)
    for name, question in load.sent.items():
        (answer,) = log.answers[name]
        under = Under(answer.revision)
        (read,) = log.inputs[name]
        assert (read.revision, read.extractor) == (answer.revision, answer.extractor)
        assert from_fields(read.features)["alcohol"] == pytest.approx(under.features(question.alcohol))
        under.check_answer(answer, question.alcohol)
        assert answer.answered_at_us - answer.deadline_us <= TOLERANCE_US
        for score in log.scores[name]:
            assert score.revision == answer.revision
            if score.status != ScoreStatus.SCORE_STATUS_OK:
                continue  # a machine too busy for the SLA: the model did not begin
            expected = FACTORS[score.model] * under.features(question.alcohol)
            assert quality(score.outputs) == pytest.approx(expected), score
        for decision in log.decisions[name]:
            assert decision.answer == answer
    by_models = {each.revision for (each,) in log.answers.values() if each.source == Source.SOURCE_MODEL}
    assert len(by_models) > 0.9 * SWITCHES  # not all of it is defaults


def switch(bootstrap: str) -> None:
    """Publish a revision after the other, each once the one before has passed every partition."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 0, "log_level": 0})
    with TopicReader(Kafka(bootstrap), ANSWERS, at_end=True) as reader:
        passed = dict.fromkeys(range(PARTITIONS), 0)
        wait_passed(reader, passed, 1)
        for revision in range(2, SWITCHES + 2):
            message = control(f"token-{revision}", Under(revision).route, expected=revision - 1)
            producer.produce(CONTROL, message.SerializeToString(), partition=0)
            assert producer.flush(PATIENCE_S) == 0
            wait_passed(reader, passed, revision)


def wait_passed(reader: TopicReader, passed: dict[int, int], revision: int) -> None:
    """Return once *revision* was answered under on every partition; *passed* has the newest of each."""

    def has_passed() -> bool:
        for message in reader.read(0.05):
            answer = Answer.FromString(message.value() or b"")
            if answer.route == ROUTE:
                passed[message.partition()] = max(passed[message.partition()], answer.revision)
        return min(passed.values()) >= revision

    wait_until(has_passed, PATIENCE_S, f"revision {revision} passes all partitions", every_s=0.0)


def test_a_request_that_pins_its_model_is_answered_by_it_or_told_why_not(system: Running) -> None:
    default = to_fields({"quality": DEFAULT})
    publish(system.stack, Route(name="pins", sla_us=SLA_US, schedule=[Tier(model=CHAMPION)], default=default))

    def ask(body: Mapping[str, object], headers: Mapping[str, str] | None = None) -> dict[str, object]:
        asked = httpx.post(
            f"{system.stack.url()}/v1/routes/pins/ask",
            json={"fields": {"alcohol": 10.0}, **body},
            headers=headers,
            timeout=PATIENCE_S,
        )
        assert asked.is_success, asked.text
        answer: dict[str, object] = asked.json()
        return {key: answer[key] for key in ("source", "model", "rule", "outputs", "reason")}

    pinned = {
        "source": "model",
        "model": RUNNER_UP,  # which no tier of the route names
        "rule": f"pinned {RUNNER_UP}",
        "outputs": {"quality": FACTORS[RUNNER_UP] * 10.0},
        "reason": None,
    }
    assert ask({"model": RUNNER_UP}) == pinned
    assert ask({}, {"X-Rendezvous-Model": RUNNER_UP}) == pinned
    for problem in ("it is not registered", "it was removed"):
        assert ask({"model": "wine-gone@1"}) == {
            "source": "model",
            "model": CHAMPION,
            "rule": f"use {CHAMPION}",
            "outputs": {"quality": FACTORS[CHAMPION] * 10.0},
            "reason": f"pinned wine-gone@1: {problem}",
        }
        if problem == "it is not registered":
            publish(system.stack, linear("wine-gone@1", 1.0))
            remove(system, "wine-gone", "1")


def remove(system: Running, name: str, version: str) -> None:
    """Remove a model, and return once every service knows."""
    message = asked(f"remove-{name}", RemoveModel(name=name, version=version))
    offset = end_offsets(system.bootstrap, (CONTROL,))[CONTROL, 0]
    produce(system.bootstrap, CONTROL, [message.SerializeToString()])
    wait_applied(Kafka(system.bootstrap), offset, PATIENCE_S)


class Log(NamedTuple):
    """What the topics hold about the requests of a load, by their ids."""

    requests: Mapping[str, list[Request]]
    inputs: Mapping[str, list[Input]]
    scores: Mapping[str, list[Score]]
    answers: Mapping[str, list[Answer]]
    decisions: Mapping[str, list[Decision]]
    # The revisions in `inputs`, by partition, in their order.
    stamped: Mapping[int, list[int]]
    refused: int

    @classmethod
    def read(cls, bootstrap: str, load: Load) -> "Log":
        """Return it once every request of *load* is decided."""
        answered: set[str] = set()
        with TopicReader(Kafka(bootstrap), DECISIONS) as reader:

            def all_decided() -> bool:
                answered.update(map(key_of, reader.read(0.1)))
                return load.sent.keys() <= answered

            wait_until(all_decided, PATIENCE_S, "all are decided", every_s=0.0)
        stamped: defaultdict[int, list[int]] = defaultdict(list)
        inputs = defaultdict(list)
        for message in messages(bootstrap, INPUTS, load):
            parsed = Input.FromString(message.value() or b"")
            inputs[parsed.id].append(parsed)
            stamped[message.partition()].append(parsed.revision)
        return cls(
            requests=by_id(bootstrap, REQUESTS, Request, load),
            inputs=inputs,
            scores=by_id(bootstrap, SCORES, Score, load),
            answers=by_id(bootstrap, ANSWERS, Answer, load),
            decisions=by_id(bootstrap, DECISIONS, Decision, load),
            stamped=stamped,
            refused=sum(1 for _ in messages(bootstrap, DEAD_LETTERS, load)),
        )


def messages(bootstrap: str, topic: str, load: Load) -> Iterator[Message]:
    with TopicReader(Kafka(bootstrap), topic) as reader:
        for message in reader.catch_up():
            if key_of(message) in load.sent:
                yield message


def by_id(bootstrap: str, topic: str, kind: type[Read], load: Load) -> Mapping[str, list[Read]]:
    found: defaultdict[str, list[Read]] = defaultdict(list)
    for message in messages(bootstrap, topic, load):
        found[key_of(message)].append(kind.FromString(message.value() or b""))
    return found


def key_of(message: Message) -> str:
    return (message.key() or b"").decode()


def check_inputs(log: Log) -> None:
    """On each partition every revision was passed, in order, and none came back."""
    assert len(log.stamped) == PARTITIONS
    for revisions in log.stamped.values():
        assert revisions == sorted(revisions)
        assert set(revisions) == set(range(1, SWITCHES + 2))
