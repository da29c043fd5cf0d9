"""The Open Inference protocol, version 2, over HTTP: a route is a model, a row of its tensors a question."""

import asyncio
from typing import Final

from aiohttp import web

from rendezvous_gateway import __version__
from rendezvous_gateway.documents import parse_document
from rendezvous_gateway.exchange import Exchange
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.questions import Ask, Questions, read_terms
from rendezvous_gateway.readiness import Readiness
from rendezvous_gateway.responses import JSON, json_response, read_body
from rendezvous_gateway.tensors import metadata, read_inference, write_outputs
from rendezvous_gateway.wire import provenance, refusal

_BINARY: Final = "Inference-Header-Content-Length"


class Inference:
    """The endpoints under /v2; *max_rows* bounds one request."""

    def __init__(self, questions: Questions, exchange: Exchange, readiness: Readiness, max_rows: int) -> None:
        self._questions = questions
        self._exchange = exchange
        self._readiness = readiness
        self._max_rows = max_rows

    def endpoints(self) -> list[web.RouteDef]:
        """Return what it serves."""
        return [
            web.get("/v2", self.server),
            web.get("/v2/health/live", self.live),
            web.get("/v2/health/ready", self.ready),
            web.get("/v2/models/{route}", self.model),
            web.get("/v2/models/{route}/ready", self.model_ready),
            web.post("/v2/models/{route}/infer", self.infer),
        ]

    async def server(self, _: web.Request) -> web.Response:
        """Say what this server is."""
        return json_response({"name": "rendezvous", "version": __version__, "extensions": []})

    async def live(self, _: web.Request) -> web.Response:
        """Say that the process lives: that it answers shows it."""
        return json_response({"live": True})

    async def ready(self, _: web.Request) -> web.Response:
        """Say whether requests are taken."""
        return self._ready_response({})

    async def model(self, request: web.Request) -> web.Response:
        """Describe a route as a model."""
        return json_response(metadata(self._questions.revision(request.match_info["route"])))

    async def model_ready(self, request: web.Request) -> web.Response:
        """Say whether requests to a route are taken."""
        return self._ready_response(
            {"name": self._questions.revision(request.match_info["route"]).route.name}
        )

    async def infer(self, request: web.Request) -> web.Response:
        """Ask a route once for each row."""
        revision = self._questions.revision(request.match_info["route"])
        terms = read_terms(request.headers)
        if _BINARY in request.headers:
            raise ProblemError("unsupported-media-type", "binary tensors are not taken: send data as JSON")
        document = parse_document(await read_body(request, JSON))
        asked = read_inference(document, terms.request_id, self._max_rows)
        rowless = terms._replace(request_id="")
        questions = [
            self._questions.make(revision, Ask(row, asked.row_id(number), asked.key, asked.model), rowless)
            for number, row in enumerate(asked.rows)
        ]
        replies = await asyncio.gather(*map(self._exchange.ask, questions))
        for problem in (refusal(reply.answer) for reply in replies):
            if problem is not None:
                raise problem
        return json_response(
            {
                "model_name": revision.route.name,
                "model_version": str(revision.number),
                "id": asked.id,
                "outputs": write_outputs([reply.answer.outputs for reply in replies], asked.outputs),
                "parameters": {
                    "provenance": [{"id": reply.answer.id, **provenance(reply)} for reply in replies]
                },
            }
        )

    def _ready_response(self, document: dict[str, object]) -> web.Response:
        detail = self._readiness.waiting_for()
        if detail is None:
            return json_response({**document, "ready": True})
        return json_response({**document, "ready": False, "detail": detail}, status=503)
