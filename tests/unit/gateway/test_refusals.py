"""Everything that a caller can get wrong, against the real HTTP application."""

import asyncio
import json
from typing import TypedDict

import pytest
from rendezvous_gateway.problems import KINDS
from rendezvous_runtime.errors import DataPlaneError, ProducerFullError

from tests.unit.gateway.refusals import ASK, CASES, JSON, STRICT, fields
from tests.unit.gateway.support import WINE, declared, gateway


class Limits(TypedDict):
    max_request_bytes: int
    max_body_bytes: int
    max_rows: int


@pytest.mark.parametrize("name", CASES)
def test_a_bad_request_is_refused_with_what_is_wrong(name: str) -> None:
    case = CASES[name]
    body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()

    async def scenario() -> None:
        most = 20_000 if name == "oversize" else 200_000
        rows = 2 if name == "infer, too many rows" else 10
        limits = Limits(max_request_bytes=10_000, max_body_bytes=most, max_rows=rows)
        async with gateway(*case.routes, **limits) as running:
            response = await running.client.request(case.method, case.path, data=body, headers=case.headers)
            problem = json.loads(await response.text())
            assert (response.status, problem["code"]) == (KINDS[case.code].status, case.code)
            assert response.content_type == "application/problem+json"
            assert case.says in problem["detail"]
            assert problem["status"] == response.status
            assert problem.get("field", "") == case.field
            assert ("error" in problem) == case.path.startswith("/v2")
            assert not running.log.sends, "nothing bad reaches the log"
            running.echo()
            good = await running.client.post("/v1/routes/wine/ask", json=fields(), headers=JSON)
            assert good.status == (200 if case.routes else 404), "the next request goes on"

    asyncio.run(scenario())


def test_every_bad_field_is_named_at_once() -> None:
    async def scenario() -> None:
        async with gateway(STRICT) as running:
            response = await running.client.post(ASK, json=fields(alcohol="x", colour=5, sugar=1))
            problem = await response.json(content_type=None)
            assert [each["field"] for each in problem["errors"]] == ["alcohol", "colour", "sugar"]
            assert problem["detail"].endswith("(and 2 more)")

    asyncio.run(scenario())


def test_a_refusal_names_the_routes_there_are() -> None:
    async def scenario() -> None:
        async with gateway(STRICT, declared(name="beer")) as running:
            response = await running.client.get("/v1/routes/tea")
            assert (await response.json(content_type=None))["hint"] == "the routes are beer, wine"
        async with gateway() as running:
            response = await running.client.get("/v1/routes/tea")
            assert "no route is configured yet" in (await response.json(content_type=None))["hint"]

    asyncio.run(scenario())


def test_a_gateway_that_cannot_take_more_says_when_to_come_again() -> None:
    async def scenario() -> None:
        async with gateway(WINE, partitions=()) as running:
            response = await running.client.post(ASK, json={"fields": {}})
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
        async with gateway(WINE, max_pending=1, max_backlog=10) as running:
            first = asyncio.create_task(running.client.post(ASK, json={"fields": {}}))
            await running.until(lambda: running.log.sends)
            response = await running.client.post(ASK, json={"fields": {}})
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
            assert (await first).status == 200
            running.log.unacknowledged = 10
            response = await running.client.post(ASK, json={"fields": {}})
            assert (response.status, response.headers["Retry-After"]) == (429, "1")
            assert "10 records behind" in await response.text()
            running.log.unacknowledged = 0
            running.log.refuse = ProducerFullError("full")
            response = await running.client.post(ASK, json={"fields": {}})
            assert (response.status, len(running.exchange.desk)) == (429, 0)
            running.log.refuse = DataPlaneError("the data plane does not run")
            response = await running.client.post(ASK, json={"fields": {}})
            assert (response.status, response.headers["Retry-After"]) == (503, "1")
            assert len(running.exchange.desk) == 0

    asyncio.run(scenario())


def test_a_gateway_that_knows_no_routes_yet_says_when_to_come_again() -> None:
    async def scenario() -> None:
        async with gateway(partitions=()) as running:
            for path in (ASK, "/v1/routes/wine/stream"):
                response = await running.client.post(path, json={"fields": {}})
                assert (response.status, response.headers["Retry-After"]) == (503, "1")
                assert (await response.json(content_type=None))["code"] == "not-ready"

    asyncio.run(scenario())


def test_head_and_options_are_answered() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            assert (await running.client.head("/v1/routes")).status == 200
            options = await running.client.options(ASK)
            assert (options.status, options.headers["Allow"]) == (204, "OPTIONS, POST")
            refused = await running.client.delete(ASK)
            assert (refused.status, refused.headers["Allow"]) == (405, "OPTIONS, POST")

    asyncio.run(scenario())
