"""The interface, described: its OpenAPI document, and the same as a page that needs nothing else."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any, Final

from aiohttp import web

from rendezvous_gateway.problems import KINDS
from rendezvous_gateway.questions import Questions
from rendezvous_gateway.responses import json_response
from rendezvous_gateway.routes import example_curl, route_document

_METHODS: Final = ("get", "post")


class Pages:
    """The endpoints that describe the others."""

    def __init__(self, questions: Questions, *, status_page: bool = True) -> None:
        self._links = '<a href="/openapi.json">OpenAPI document</a>'
        if status_page:
            self._links += ' · <a href="/status">Status, live</a>'
        package = files("rendezvous_gateway")
        self._questions = questions
        self._style = package.joinpath("page.css").read_text()
        digest = base64.b64encode(hashlib.sha256(self._style.encode()).digest()).decode()
        self._policy = f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
        self._openapi: Mapping[str, Any] = json.loads(package.joinpath("openapi.json").read_text())

    def endpoints(self) -> list[web.RouteDef]:
        """Return what it serves."""
        return [
            web.get("/", self.page),
            web.get("/docs", self.page),
            web.get("/openapi.json", self.openapi),
        ]

    async def openapi(self, _: web.Request) -> web.Response:
        """Show the OpenAPI document."""
        return json_response(self._openapi)

    async def page(self, request: web.Request) -> web.Response:
        """Show the page."""
        text = "\n".join(self._page(str(request.url.origin())))
        headers = {"Content-Security-Policy": self._policy, "X-Content-Type-Options": "nosniff"}
        return web.Response(text=text, content_type="text/html", headers=headers)

    def _page(self, base_url: str) -> Iterator[str]:
        info = self._openapi["info"]
        yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
        yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
        yield f"<title>{escape(info['title'])}</title>\n<style>{self._style}</style>\n</head>\n<body>"
        yield '<a class="skip" href="#main">Skip to the content</a>'
        yield f"<header><h1>{escape(info['title'])}</h1><p>{escape(info['description'])}</p>"
        yield f'<p>{self._links}</p></header>\n<main id="main">'
        yield from self._routes(base_url)
        for tag in self._openapi["tags"]:
            yield f"<h2>{escape(tag['description'])}</h2>"
            yield from self._operations(tag["name"])
        yield from _problems()
        yield "</main>\n</body>\n</html>"

    def _routes(self, base_url: str) -> Iterator[str]:
        yield "<h2>Routes</h2>"
        entries = self._questions.routes()
        if not entries:
            yield "<p>There is no route yet: <code>rendezvous apply -f route.yaml</code> publishes one.</p>"
        for entry in entries:
            route = entry.current.route
            yield f'<h3 id="route-{escape(route.name)}">{escape(route.name)}</h3>'
            facts = f"Revision {entry.current.number}, SLA {route.sla_us / 1000:g} ms."
            yield f"<p>{escape(route.description)} {facts}</p>"
            yield _block(example_curl(entry.current, base_url), f"A request to {route.name}")
            details = _block(json.dumps(route_document(entry.current), indent=2), "Route")
            yield f"<details><summary>All of {escape(route.name)}</summary>{details}</details>"

    def _operations(self, tag: str) -> Iterator[str]:
        for path, item in self._openapi["paths"].items():
            for method in _METHODS:
                operation = item.get(method)
                if operation and tag in operation["tags"]:
                    yield from self._operation(path, method, item, operation)

    def _operation(
        self, path: str, method: str, item: Mapping[str, Any], operation: Mapping[str, Any]
    ) -> Iterator[str]:
        title = f'<span class="method">{method.upper()}</span> <code>{escape(path)}</code>'
        yield f'<section aria-labelledby="{operation["operationId"]}">'
        yield f'<h3 id="{operation["operationId"]}">{title}</h3>'
        yield f"<p>{escape(operation['summary'])}. {escape(operation.get('description', ''))}</p>"
        named = [self._resolve(each) for each in item.get("parameters", ())]
        if named:
            rows = [(each["name"], each["in"], each.get("description", "")) for each in named]
            yield _table(("Parameter", "In", "Meaning"), rows)
        for media in operation.get("requestBody", {}).get("content", {}).items():
            schema = self._resolve(media[1]["schema"])
            rows = [
                (name, "yes" if name in schema.get("required", ()) else "", self._meaning(value))
                for name, value in schema["properties"].items()
            ]
            yield f"<p>Body, <code>{escape(media[0])}</code>:</p>"
            yield _table(("Member", "Required", "Meaning"), rows)
            if "example" in schema:
                yield _block(json.dumps(schema["example"], indent=2), "An example body")
        rows = [
            (code, self._resolve(each)["description"], "") for code, each in operation["responses"].items()
        ]
        yield _table(("Status", "Meaning"), [row[:2] for row in rows])
        yield "</section>"

    def _meaning(self, schema: Mapping[str, Any]) -> str:
        resolved = self._resolve(schema)
        kind = resolved.get("type", "")
        text = resolved.get("description", "")
        return f"{kind}: {text}" if text and isinstance(kind, str) else text or str(kind)

    def _resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        reference = node.get("$ref")
        if reference is None:
            return node
        found: Any = self._openapi
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]
        return found  # type: ignore[no-any-return] # JSON is untyped


def _problems() -> Iterator[str]:
    yield "<h2>Problems</h2>"
    yield "<p>Every error has one form: <code>application/problem+json</code> (RFC 9457).</p>"
    rows = "".join(
        f'<tr id="{code}"><td><code>{code}</code></td><td>{kind.status}</td>'
        f"<td>{escape(kind.title)}</td></tr>"
        for code, kind in KINDS.items()
    )
    head = '<tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Meaning</th></tr>'
    yield f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"


def _block(text: str, label: str) -> str:
    return f'<pre tabindex="0" role="region" aria-label="{escape(label)}">{escape(text)}</pre>'


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    heads = "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    lines = ["<tr>" + "".join(f"<td>{escape(each)}</td>" for each in row) + "</tr>" for row in rows]
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
