"""What is written for a measurement: control messages, inputs with their scores, requests, plain messages."""

import time
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final

from rendezvous_contracts.topics import CONTROL, INPUTS, SCORES
from rendezvous_contracts.values import to_fields
from scoring.v1.control_pb2 import (
    AddModel,
    Artifact,
    Control,
    Model,
    RemoveModel,
    Route,
    SetRoute,
    Tier,
)
from scoring.v1.input_pb2 import Input
from scoring.v1.request_pb2 import Request
from scoring.v1.score_pb2 import Score, ScoreStatus

from bench.scale import PARTITIONS
from bench.stand import Written

MODELS: Final = ("bench-forest@1", "bench-mlp@1", "bench-linear@1")
MESSAGE_BYTES: Final = 200
# The first SetRoute of a route makes this revision.
REVISION: Final = 1
_FEATURES: Final = to_fields({"alcohol": 9.4, "density": 0.9978, "sulphates": 0.56, "pH": 3.51})
_OUTPUTS: Final = to_fields({"quality": 5.6})
_ARTIFACT: Final = b"a model that is in the program already"


def request_id(number: int) -> str:
    """Return the id of the request of this number."""
    return f"request-{number:08d}"


def route(name: str, sla_us: int, *models: str) -> Route:
    """Return a route that prefers *models* in their order, and in the end takes whatever came."""
    step = sla_us // (len(models) + 1)
    schedule = [Tier(after_us=place * step, model=model) for place, model in enumerate(models)]
    schedule.append(Tier(after_us=len(models) * step, any=True))
    return Route(name=name, sla_us=sla_us, schedule=schedule, default=_OUTPUTS)


def control(*routes: Route, models: Iterable[Model]) -> Iterator[Written]:
    """Yield the messages that add *models* and set *routes*."""
    for model in models:
        yield _control(Control(id=f"add {id_of(model)}", add_model=AddModel(model=model)))
    for each in routes:
        yield _control(Control(id=f"set {each.name}", set_route=SetRoute(route=each)))


def removal(model: Model) -> Written:
    """Return the message that removes *model*."""
    change = RemoveModel(name=model.name, version=model.version)
    return _control(Control(id=f"remove {id_of(model)}", remove_model=change))


def id_of(model: Model) -> str:
    """Return name@version of *model*."""
    return f"{model.name}@{model.version}"


def constant_models() -> Iterator[Model]:
    """Yield the descriptors of MODELS."""
    yield from map(_constant, MODELS)


def _constant(named: str) -> Model:
    name, _, version = named.partition("@")
    artifact = Artifact(data=_ARTIFACT, sha256=sha256(_ARTIFACT).digest(), size=len(_ARTIFACT))
    return Model(name=name, version=version, type="constant", artifact=artifact)


def _control(message: Control) -> Written:
    message.author, message.reason, message.at_us = "bench", "to be measured", time.time_ns() // 1000
    return CONTROL, 0, message.id.encode(), message.SerializeToString()


def questions(name: str, budget_us: int, count: int) -> Iterator[tuple[int, bytes, bytes, list[bytes]]]:
    """
    Yield *count* questions on the route *name*: partition, key, input, and one score of each model.

    The models take turns at being first, so that the preferred one is not always there at once.
    """
    now = time.time_ns() // 1000
    request = Request(route=name, sent_at_us=now, fields=_FEATURES)
    asked = Input(
        route=name, revision=REVISION, sent_at_us=now, budget_us=budget_us, digest=1, extracted_at_us=now,
        extractor="pass-through", features=_FEATURES,
    )  # fmt: skip
    scores = [_score(model, name, now) for model in MODELS]
    for number in range(count):
        named = request_id(number)
        request.id = asked.id = named
        asked.request_offset = number // PARTITIONS
        asked.request.CopyFrom(request)
        turn = number % len(scores)
        encoded = []
        for score in scores[turn:] + scores[:turn]:
            score.request_id = named
            encoded.append(score.SerializeToString())
        yield number % PARTITIONS, named.encode(), asked.SerializeToString(), encoded


def _score(model: str, name: str, now: int) -> Score:
    return Score(
        model=model, status=ScoreStatus.SCORE_STATUS_OK, revision=REVISION, outputs=_OUTPUTS, route=name,
        received_at_us=now, waited_us=100, scored_us=50,
    )  # fmt: skip


def backlog(
    name: str, budget_us: int, count: int, *, inputs: str = INPUTS, scores: str = SCORES
) -> Iterator[Written]:
    """Yield *count* inputs and their scores, to two topics."""
    for partition, key, asked, scored in questions(name, budget_us, count):
        yield inputs, partition, key, asked
        for score in scored:
            yield scores, partition, key, score


def plain(topic: str, count: int) -> Iterator[Written]:
    """Yield *count* messages of 200 bytes."""
    value = b"m" * MESSAGE_BYTES
    for number in range(count):
        yield topic, number % PARTITIONS, b"%016d" % number, value


def ask(name: str, named: str, sent_at_us: int) -> bytes:
    """Return an encoded Request of this id on the route *name*."""
    asked = Request(id=named, route=name, sent_at_us=sent_at_us, fields=_FEATURES)
    return asked.SerializeToString()
