"""The plain JSON interface against the real HTTP application."""

import asyncio
import time

import pytest
from rendezvous_contracts.values import from_fields, to_fields
from scoring.v1.answer_pb2 import Arrival, Source
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.outcome_pb2 import Outcome
from scoring.v1.request_pb2 import Request
from scoring.v1.score_pb2 import ScoreStatus
from scoring.v1.value_pb2 import Tensor

from tests.support.digests import request_digest
from tests.unit.gateway.support import WINE, declared, gateway, state

ASK = "/v1/routes/wine/ask"
BODY = {"fields": {"alcohol": 9.4}}
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_an_answer_names_its_source_and_all_that_it_could_choose_from() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo(
                arrivals=[
                    Arrival(model="b@2", status=ScoreStatus.SCORE_STATUS_INVALID_INPUT, after_us=1_500)
                ],
                outputs=to_fields(
                    {"n": float("1.5"), "blob": b"ab", "t": Tensor(shape=[2, 1], numbers=[1, 2])}
                ),
            )
            response = await running.client.post(ASK, json=BODY | {"id": "r-1", "key": "k", "model": "m@1"})
            answer = await response.json()
            partition = answer.pop("partition")
            assert answer == {
                "id": "r-1",
                "route": "wine",
                "outputs": {"blob": "YWI=", "n": 1.5, "t": [[1.0], [2.0]]},
                "source": "model",
                "model": "forest@1",
                "revision": 1,
                "tier": 1,
                "rule": "use forest@1",
                "extractor": None,
                "reason": None,
                "elapsed_ms": 1.0,
                "late_ms": 0.0,
                "arrivals": [{"model": "b@2", "status": "invalid-input", "after_ms": 1.5}],
            }
            (request,) = running.log.requests()
            assert (request.key, request.model, running.log.sends[0].partition) == ("k", "m@1", partition)

    asyncio.run(scenario())


def test_every_kind_of_value_travels() -> None:
    inputs = [
        Field(name="blob", type=FieldType.FIELD_TYPE_BLOB),
        Field(name="tensor", type=FieldType.FIELD_TYPE_TENSOR),
        Field(name="any"),
        Field(name="gone", type=FieldType.FIELD_TYPE_TEXT, optional=True),
    ]

    async def scenario() -> None:
        async with gateway(declared(*inputs)) as running:
            running.echo()
            fields = {"blob": "YWI=", "tensor": [[1, 2.5], [3, 4]], "any": -(2**63), "gone": None}
            response = await running.client.post(ASK, json={"fields": fields})
            assert response.status == 200
            sent = from_fields(running.log.requests()[0].fields)
            assert sent == {
                "blob": b"ab",
                "tensor": Tensor(shape=[2, 2], numbers=[1, 2.5, 3, 4]),
                "any": -(2**63),
                "gone": None,
            }

    asyncio.run(scenario())


def test_without_an_answer_the_default_comes_in_time_and_says_so() -> None:
    async def scenario() -> None:
        async with gateway(WINE, gateway_tolerance_ms=10) as running:
            started = time.monotonic()
            answer = await (await running.client.post(ASK, json=BODY)).json()
            took = time.monotonic() - started
            assert (answer["source"], answer["outputs"]) == ("gateway", {"quality": 5.6})
            assert answer["reason"].startswith("no answer came back through the log")
            assert 0.11 <= took < 0.5
            assert 10 <= answer["late_ms"] < 300

    asyncio.run(scenario())


def test_a_budget_can_only_tighten_the_sla() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            for text, sent, waited in (("20", 20_000, 20), ("0.5", 500, 0.5), ("9999", 9_999_000, 100)):
                headers = {"X-Rendezvous-Budget-Ms": text}
                answer = await (await running.client.post(ASK, json=BODY, headers=headers)).json()
                assert running.log.requests()[-1].budget_us == sent
                assert answer["elapsed_ms"] - answer["late_ms"] == pytest.approx(waited)
            await running.client.post(ASK, json=BODY)
            assert running.log.requests()[-1].budget_us == 0

    asyncio.run(scenario())


def test_a_model_can_be_pinned_by_header_too() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo()
            await running.client.post(ASK, json=BODY, headers={"X-Rendezvous-Model": "forest@2"})
            assert running.log.requests()[-1].model == "forest@2"

    asyncio.run(scenario())


def test_a_repeat_gets_the_same_answer_in_flight_and_later() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo(0.02)
            ask = [running.client.post(ASK, json=BODY | {"id": "r-1"}) for _ in range(3)]
            texts = {await response.text() for response in await asyncio.gather(*ask)}
            running.echo(model="other@1")
            for name in ("Idempotency-Key", "X-Request-Id"):
                response = await running.client.post(ASK, json=BODY, headers={name: "r-1"})
                texts.add(await response.text())
            assert (len(texts), len(running.log.sends)) == (1, 1)
            other = await running.client.post(ASK, json={"fields": {"alcohol": 1}, "id": "r-1"})
            assert other.status == 409
            assert "another question" in await other.text()

    asyncio.run(scenario())


def test_generated_ids_differ_and_traces_travel() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo()
            for trace in (TRACE, "nonsense"):
                await running.client.post(ASK, json=BODY, headers={"traceparent": trace})
            first, second = running.log.sends
            assert (first.headers, second.headers) == ([("traceparent", TRACE.encode())], None)
            ids = {request.id for request in running.log.requests()}
            assert {len(each) for each in ids} == {32}
            assert len(ids) == 2

    asyncio.run(scenario())


def test_a_refusal_by_the_log_is_an_error_that_says_so() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo(source=Source.SOURCE_REFUSED, reason="there is no route wine")
            response = await running.client.post(ASK, json=BODY)
            problem = await response.json(content_type=None)
            assert (response.status, problem["detail"]) == (503, "there is no route wine")

    asyncio.run(scenario())


def test_a_new_revision_is_used_at_once() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo()
            assert (await running.client.post(ASK, json=BODY)).status == 200
            running.control.publish(state(declared(Field(name="pH", type=FieldType.FIELD_TYPE_NUMBER))))
            assert (await running.client.post(ASK, json=BODY)).status == 422
            assert (await running.client.post(ASK, json={"fields": {"pH": 3}})).status == 200

    asyncio.run(scenario())


def test_an_outcome_goes_to_the_partition_of_its_request() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo()
            answer = await (await running.client.post(ASK, json=BODY | {"id": "r-1"})).json()
            running.exchange.desk.own({7})
            told = {"request_id": "r-1", "reward": 1, "truth": {"quality": 6}, "author": "ada"}
            response = await running.client.post("/v1/routes/wine/outcomes", json=told)
            assert response.status == 202
            assert await response.json() == {"request_id": "r-1", "partition": answer["partition"]}
            send = running.log.sends[-1]
            assert (send.topic, send.partition, send.key) == ("outcomes", answer["partition"], b"r-1")
            outcome = Outcome.FromString(send.value)
            assert (outcome.route, outcome.reward, outcome.author) == ("wine", 1.0, "ada")
            assert from_fields(outcome.truth) == {"quality": 6}
            assert outcome.observed_at_us > 0

    asyncio.run(scenario())


def test_a_stopping_gateway_answers_what_waits_and_takes_no_more() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            waiting = asyncio.create_task(running.client.post(ASK, json=BODY))
            await running.until(lambda: running.log.sends)
            stopping = asyncio.create_task(running.exchange.stop(1.0))
            await asyncio.sleep(0)
            refused = await running.client.post(ASK, json=BODY)
            assert (refused.status, refused.headers["Connection"]) == (503, "close")
            assert (await (await waiting).json())["source"] == "gateway"
            assert await stopping

    asyncio.run(scenario())


def test_what_is_counted_is_what_happened() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo()
            await running.client.post(ASK, json=BODY | {"id": "r-1"})
            await running.client.post(ASK, json=BODY | {"id": "r-1"})
            await running.client.post("/v1/routes/beer/ask", json=BODY)

            def value(name: str, **labels: str) -> float | None:
                return running.registry.get_sample_value(f"rendezvous_gateway_{name}", labels)

            assert value("requests_total", outcome="admitted") == 1
            assert value("requests_total", outcome="repeated") == 1
            assert value("answers_total", outcome="answered") == 1
            assert value("answer_seconds_count", route="wine", source="model") == 1
            assert value("responses_total", endpoint="/v1/routes/{route}/ask", status="404") == 1
            assert (value("pending"), value("remembered")) == (0, 1)

    asyncio.run(scenario())


def test_the_digest_is_the_one_that_every_service_computes() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            await running.client.post(ASK, json=BODY | {"id": "r-1", "key": "k"})
            request = Request.FromString(running.log.sends[0].value)
            reply = await running.client.post(ASK, json=BODY | {"id": "r-1", "key": "k"})
            assert reply.status == 200
            assert running.exchange.desk._memory.digest("r-1") == request_digest(request)

    asyncio.run(scenario())
