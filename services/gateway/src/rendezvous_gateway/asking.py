"""The plain JSON interface: ask a route, tell it outcomes, see what routes there are."""

from aiohttp import web
from rendezvous_runtime.clock import Clock

from rendezvous_gateway.documents import parse_document
from rendezvous_gateway.exchange import Exchange
from rendezvous_gateway.outcomes import outcome_send, read_outcome
from rendezvous_gateway.problems import ProblemError
from rendezvous_gateway.questions import Questions, read_ask, read_terms
from rendezvous_gateway.responses import JSON, json_response, read_body
from rendezvous_gateway.routes import route_document
from rendezvous_gateway.wire import answer_document, refusal


class Asking:
    """The endpoints under /v1, but for streams."""

    def __init__(self, questions: Questions, exchange: Exchange, clock: Clock) -> None:
        self._questions = questions
        self._exchange = exchange
        self._clock = clock

    def endpoints(self) -> list[web.RouteDef]:
        """Return what it serves."""
        return [
            web.get("/v1/routes", self.list_routes),
            web.get("/v1/routes/{route}", self.get_route),
            web.post("/v1/routes/{route}/ask", self.ask),
            web.post("/v1/routes/{route}/outcomes", self.outcome),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        """Answer one question."""
        revision = self._questions.revision(request.match_info["route"])
        terms = read_terms(request.headers)
        ask = read_ask(parse_document(await read_body(request, JSON)))
        reply = await self._exchange.ask(self._questions.make(revision, ask, terms))
        problem = refusal(reply.answer)
        if problem is not None:
            raise problem
        return json_response(answer_document(reply))

    async def outcome(self, request: web.Request) -> web.Response:
        """Take the truth or the reward of an earlier request."""
        route = self._questions.revision(request.match_info["route"]).route.name
        document = parse_document(await read_body(request, JSON))
        outcome = read_outcome(document, route, self._clock.now())
        partition = self._exchange.desk.partition(outcome.request_id)
        if partition is None:
            raise ProblemError("not-ready", "no partition is assigned to this gateway yet", retry_after_s=1)
        self._exchange.send([outcome_send(outcome, partition)])
        return json_response({"request_id": outcome.request_id, "partition": partition}, status=202)

    async def list_routes(self, _: web.Request) -> web.Response:
        """List the routes."""
        return json_response({"routes": [route_document(each.current) for each in self._questions.routes()]})

    async def get_route(self, request: web.Request) -> web.Response:
        """Show one route."""
        return json_response(route_document(self._questions.revision(request.match_info["route"])))
