"""The whole system when the stream is empty, quiet, behind, poisoned, or asked nonsense."""

import http.client
import json
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import read_status
from rendezvous_contracts.topics import (
    ANSWERS,
    CONTROL,
    DEAD_LETTERS,
    DECISIONS,
    INPUTS,
    OUTCOMES,
    REQUESTS,
    SCORES,
    STATUS,
)
from scoring.v1.answer_pb2 import Source

from tests.support.broker import consume_all
from tests.support.polling import wait_until
from tests.support.stacks import (
    FACTORS,
    PARTITIONS,
    Running,
    check_answers,
    end_offsets,
    linear,
    publish,
    wine_route,
)
from tests.support.stream import PATIENCE_S

pytestmark = pytest.mark.kafka

SILENT = "wine-silent@1"
# So long that what a first request costs, on connections that are new, is not what is measured.
QUIET_SLA_US = 1_000_000
# How long after its deadline the only request of a stream may be answered, on a machine that tests run on.
QUIET_TOLERANCE_US = 100_000
READ_BY = {
    "feature-extractor": (REQUESTS,),
    "model-container": (INPUTS,),
    "canary": (INPUTS, SCORES),
    "rendezvous": (INPUTS, SCORES),
    "gateway": (ANSWERS,),
    "decoy": (INPUTS, DECISIONS, OUTCOMES),
}
POISON = (b"\xff\xfe poison", b"", b"\x0a\xff\xff\xff\xff\x0f cut off")


def test_the_last_request_of_a_quiet_stream_gets_its_default_on_time(system: Running) -> None:
    publish(
        system.stack, linear(SILENT, 1.0), wine_route(SILENT, name="silent", canary="", sla_us=QUIET_SLA_US)
    )
    with system.load("quiet", route="silent", rate=0.0) as load, system.answers() as answers:
        for _ in range(5):  # the first finds its topics empty, and the answer to each is waited for
            name = load.ask()
            answers.wait_for_all([name])
    check_answers(load, answers)
    for name in load.sent:
        (logged,) = answers.by_id[name]
        answer = logged.answer
        assert answer.source == Source.SOURCE_DEFAULT
        assert answer.sent_at_us + QUIET_SLA_US == answer.deadline_us
        assert 0 <= answer.answered_at_us - answer.deadline_us <= QUIET_TOLERANCE_US
        assert logged.stamp_ms * 1_000 - answer.deadline_us <= QUIET_TOLERANCE_US


def test_a_backlog_past_its_deadline_is_answered_when_the_services_come_up(system: Running) -> None:
    for name in system.services:
        system.stack.stop(name)
    old_us = time.time_ns() // 1_000 - 10_000_000
    with system.load("backlog", rate=0.0) as load, system.answers() as answers:
        for _ in range(2_000):
            load.ask(sent_at_us=old_us)
        load.stop()
        for name in system.services:
            system.stack.revive(name)
        answers.wait_for_all(load.sent)
        system.wait_ready()
        system.wait_settled()
        answers.read()

    check_answers(load, answers)
    assert {answers.by_id[name][0].answer.source for name in load.sent} == {Source.SOURCE_DEFAULT}
    system.check_archive()


def test_poison_on_every_topic_becomes_dead_letters_and_the_stream_goes_on(system: Running) -> None:
    before = end_offsets(system.bootstrap, (DEAD_LETTERS,))
    restarts = system.restarts()
    topics = (REQUESTS, INPUTS, SCORES, ANSWERS, DECISIONS, OUTCOMES, CONTROL, STATUS)
    with system.load("poisoned") as load, system.answers() as answers:
        answers.wait_for_more(100)
        for topic in topics:
            poison(system.bootstrap, topic)
        load.wait_for_more(300)
        system.kill("rendezvous")  # it reads back poisoned answers at its start
        system.wait_ready()
        load.wait_for_more(100)
        load.stop()
        answers.wait_for_all(load.sent)
        system.wait_settled()
        answers.read()

    check_answers(load, answers)
    check_good(system)
    letters = [
        each
        for each in consume_all(system.bootstrap, DEAD_LETTERS)
        if each.offset >= before.get((DEAD_LETTERS, each.partition), 0)
    ]
    assert all(letter.headers["error"] for letter in letters)
    assert {
        (letter.headers["service"].decode(), letter.headers["topic"].decode(), letter.value)
        for letter in letters
    } == {(service, topic, value) for service, read in READ_BY.items() for topic in read for value in POISON}
    heard = read_status(Kafka(system.bootstrap))
    assert len(heard) == len(system.services)
    refused = [[each.reason for each in word.status.refusals] for word in heard.values()]
    assert all(len(reasons) == len(POISON) and all(reasons) for reasons in refused)
    restarts["rendezvous"] += 1
    assert system.restarts() == restarts
    system.check_archive()


def poison(bootstrap: str, topic: str) -> None:
    """Write what is no message to every partition of *topic*."""
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    for number in range(1 if topic in (CONTROL, STATUS) else PARTITIONS):
        for value in POISON:
            producer.produce(topic, value, b"\xffpoison", number)
    assert producer.flush(PATIENCE_S) == 0


class Response(NamedTuple):
    status: int
    document: Mapping[str, Any]


def post(system: Running, body: bytes, path: str = "/v1/routes/wine/ask") -> Response:
    connection = http.client.HTTPConnection(system.stack.url().removeprefix("http://"), timeout=PATIENCE_S)
    try:
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return Response(response.status, json.loads(response.read()))
    finally:
        connection.close()


GOOD = b'{"fields": {"alcohol": 10.0}}'
BAD = {
    "malformed JSON": (b'{"fields": {"alcohol" 9}}', 400, "line 1"),
    "no JSON at all": (b"\xff\x00", 400, "byte"),
    "a missing field": (b'{"fields": {}}', 422, "alcohol"),
    "a wrong type": (b'{"fields": {"alcohol": "strong"}}', 422, "alcohol"),
    "an unknown field": (b'{"fields": {"alcohol": 9.0, "proof": 80}}', 422, "proof"),
    "NaN": (b'{"fields": {"alcohol": NaN}}', 400, "NaN"),
    "infinity": (b'{"fields": {"alcohol": 1e999}}', 422, "alcohol"),
    "an oversized body": (b'{"fields": {"alcohol": 9.0}, "key": "' + b"k" * 2**21 + b'"}', 413, "bytes"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_question_is_refused_by_what_is_wrong_and_the_next_is_answered(
    system: Running, what: str
) -> None:
    body, status, says = BAD[what]
    refused = post(system, body)
    assert (refused.status, says in json.dumps(refused.document)) == (status, True), refused
    check_good(system)


def test_an_unknown_route_is_refused_with_those_there_are_and_the_next_is_answered(system: Running) -> None:
    refused = post(system, GOOD, "/v1/routes/beer/ask")
    assert (refused.status, refused.document["code"]) == (404, "unknown-route")
    assert "wine" in refused.document["hint"]
    check_good(system)


def check_good(system: Running) -> None:
    """A good question is answered by one of the models, be the machine too busy for the SLA at times."""

    def asked() -> Response | None:
        said = post(system, GOOD)
        return said if said.document["source"] == "model" else None

    answered = wait_until(asked, PATIENCE_S, "a model answers")
    assert answered is not None
    expected = {"quality": pytest.approx(10.0 * FACTORS[answered.document["model"]])}
    assert (answered.status, answered.document["outputs"]) == (200, expected)
