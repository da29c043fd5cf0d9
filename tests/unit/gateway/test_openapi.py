"""The description of the interface holds for the interface itself."""

import asyncio
import json
import re
from html.parser import HTMLParser
from typing import Any

from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry
from rendezvous_contracts.values import to_fields
from rendezvous_gateway.app import create_app
from rendezvous_gateway.problems import KINDS
from rendezvous_gateway.settings import GatewaySettings
from scoring.v1.control_pb2 import Field, FieldType, Route

from tests.unit.gateway.support import WINE, Gateway, declared, gateway

ODD = declared(Field(name="a'b <c>", type=FieldType.FIELD_TYPE_TEXT), name="odd")
ODD.description = "<script>alert(1)</script>"


async def openapi(running: Gateway) -> dict[str, Any]:
    document: dict[str, Any] = await (await running.client.get("/openapi.json")).json()
    return document


def check(document: dict[str, Any], schema: str, instance: object) -> None:
    root = {"$ref": f"#/components/schemas/{schema}", "components": document["components"]}
    Draft202012Validator(root).validate(instance)


def test_every_endpoint_is_described_and_nothing_else() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            document = await openapi(running)
            described = {(path, method) for path, item in document["paths"].items() for method in item}
            application = running.client.app
            assert application is not None
            served = {
                (route.resource.canonical, route.method.lower())
                for route in application.router.routes()
                if route.resource is not None and route.method != "HEAD"
            }
            assert {each for each in described if each[1] != "parameters"} == served

    asyncio.run(scenario())


def test_what_the_endpoints_answer_fits_the_schemas() -> None:
    async def scenario() -> None:
        async with gateway(WINE, ODD) as running:
            document = await openapi(running)
            post, get = running.client.post, running.client.get
            check(document, "Answer", await (await post("/v1/routes/wine/ask", json={"fields": {}})).json())
            running.echo(outputs=to_fields({"a": 1.5, "b": "x"}))
            for name in ("Ask", "Inference", "Outcome"):
                check(document, name, document["components"]["schemas"][name]["example"])
            ask = document["components"]["schemas"]["Ask"]["example"]
            check(document, "Answer", await (await post("/v1/routes/wine/ask", json=ask)).json())
            infer = document["components"]["schemas"]["Inference"]["example"]
            check(document, "Inferred", await (await post("/v2/models/wine/infer", json=infer)).json())
            outcome = document["components"]["schemas"]["Outcome"]["example"]
            assert (await post("/v1/routes/wine/outcomes", json=outcome)).status == 202
            check(document, "Route", await (await get("/v1/routes/odd")).json())
            check(document, "Ready", await (await get("/v2/health/ready")).json())
            problem = await (await get("/v2/models/beer")).json(content_type=None)
            check(document, "Problem", problem)
            lines = {"Content-Type": "application/x-ndjson"}
            stream = await post("/v1/routes/wine/stream", data=b'{"fields": {}}\n{', headers=lines)
            for line in (await stream.text()).splitlines():
                check(document, "StreamLine", json.loads(line))

    asyncio.run(scenario())


def test_every_status_that_is_described_is_one_that_a_problem_has() -> None:
    async def scenario() -> None:
        async with gateway() as running:
            paths = (await openapi(running))["paths"]
        codes = {
            code
            for item in paths.values()
            for method, operation in item.items()
            if method != "parameters"
            for code in operation["responses"]
        }
        assert codes - {"200", "202"} <= {str(kind.status) for kind in KINDS.values()}

    asyncio.run(scenario())


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.ids += [given["id"] or ""] if "id" in given else []
        self.links += [given["href"] or ""] if "href" in given else []

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_needs_nothing_else_and_shows_routes_safely() -> None:
    async def scenario() -> None:
        async with gateway(WINE, ODD) as running:
            response = await running.client.get("/docs")
            page = Page(await response.text())
            assert "script" not in page.tags
            assert "alert(1)" in page.text
            assert set(page.links) == {"#main", "/openapi.json", "/status"}
            assert len(page.ids) == len(set(page.ids))
            assert set(KINDS) <= set(page.ids), "the type of a problem leads to its line"
            policy = response.headers["Content-Security-Policy"]
            assert re.fullmatch(
                r"default-src 'none'; style-src 'sha256-[^']+'; frame-ancestors 'none'", policy
            )
            port = running.client.port
            assert f"curl http://127.0.0.1:{port}/v1/routes/wine/ask" in page.text
        async with gateway() as running:
            assert "There is no route yet" in await (await running.client.get("/")).text()

    asyncio.run(scenario())


def test_the_example_of_a_route_is_taken_by_it() -> None:
    fields = [
        Field(name=FieldType.Name(number), type=number, minimum=3, maximum=4) for number in FieldType.values()
    ]
    fields.append(Field(name="category", type=FieldType.FIELD_TYPE_TEXT, categories=["red"]))
    route: Route = declared(*fields)

    async def scenario() -> None:
        async with gateway(route) as running:
            running.echo()
            text = Page(await (await running.client.get("/docs")).text()).text
            body = text.split("-d '")[1].split("'")[0]
            response = await running.client.post("/v1/routes/wine/ask", data=body)
            assert response.status == 415, "what is sent has to be named"
            headers = {"Content-Type": "application/json"}
            response = await running.client.post("/v1/routes/wine/ask", data=body, headers=headers)
            assert response.status == 200, await response.text()

    asyncio.run(scenario())


def test_the_application_is_made_without_connecting_anywhere() -> None:
    registry = CollectorRegistry()
    app = create_app(GatewaySettings.model_validate({"bootstrap_servers": "127.0.0.1:1"}), registry=registry)
    assert app.conf.id == "rendezvous.gateway"
    assert registry.get_sample_value("rendezvous_gateway_pending") == 0
