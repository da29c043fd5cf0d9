"""HTTP bodies in and out, and what every endpoint answers when something is wrong."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Final

import orjson
import structlog
from aiohttp import web

from rendezvous_gateway.problems import KINDS, ProblemError

_log = structlog.get_logger(__name__)

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"
_BODY_TIMEOUT_S: Final = 30
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def encode(document: object) -> bytes:
    """Return *document* as JSON in UTF-8, on one line."""
    try:
        return orjson.dumps(document)
    except TypeError:  # a text with half of a surrogate pair, in what a caller sent
        return json.dumps(document, separators=(",", ":"), allow_nan=False).encode()


def json_response(document: object, status: int = 200) -> web.Response:
    """Return *document* as a response."""
    return web.Response(body=encode(document), status=status, content_type=JSON)


def problem_response(problem: ProblemError, *, inference: bool = False) -> web.Response:
    """Return *problem* as a response; *inference* adds the member that Open Inference clients read."""
    document = problem.document()
    if inference:
        document["error"] = problem.detail
    response = web.Response(body=encode(document), status=problem.status, content_type=PROBLEM)
    if problem.retry_after_s:
        response.headers["Retry-After"] = str(problem.retry_after_s)
    if problem.code == "stopping":
        response.force_close()
    return response


async def read_body(request: web.Request, *types: str) -> bytes:
    """
    Return the body of *request*, one of the content *types* (the first is the usual one).

    Raises ProblemError for another type or charset, and for a body that is too large or does not come.
    """
    check_type(request, *types)
    try:
        async with asyncio.timeout(_BODY_TIMEOUT_S):
            return await request.read()
    except web.HTTPRequestEntityTooLarge:
        limit = request.client_max_size
        raise ProblemError("too-large", f"the body is larger than {limit} bytes") from None
    except TimeoutError:
        raise ProblemError("body-timeout", f"no complete body within {_BODY_TIMEOUT_S} s") from None
    except web.RequestPayloadError as error:
        raise ProblemError("bad-request", f"the body cannot be read: {error}") from None


def check_type(request: web.Request, *types: str) -> None:
    """Raise ProblemError unless *request* has one of the content *types*, or none, and is in UTF-8."""
    if "Content-Type" not in request.headers:
        return
    if request.content_type not in types:
        detail = f"{request.content_type[:80]} is not taken here"
        raise ProblemError(
            "unsupported-media-type", detail, field="Content-Type", hint=f"send Content-Type: {types[0]}"
        )
    if (request.charset or "utf-8").lower() not in {"utf-8", "utf8"}:
        raise ProblemError("unsupported-media-type", "send the body in UTF-8", field="Content-Type")


@web.middleware
async def answer_problems(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Answer every error in the one form; what nobody expected is logged and answered as internal."""
    inference = request.path.startswith("/v2")
    try:
        return await handler(request)
    except ProblemError as problem:
        return problem_response(problem, inference=inference)
    except web.HTTPMethodNotAllowed as error:
        return _other_method(request, error, inference=inference)
    except web.HTTPNotFound:
        missing = ProblemError("not-found", f"{request.path[:200]} is no address here", hint="see /docs")
        return problem_response(missing, inference=inference)
    except web.HTTPException:
        raise
    except Exception:  # noqa: BLE001 - a defect that one request brings out stays with it
        _log.exception("request failed", method=request.method, path=request.path)
        defect = ProblemError("internal", KINDS["internal"].title, hint="the gateway's log says more")
        return problem_response(defect, inference=inference)


def _other_method(request: web.Request, error: web.HTTPMethodNotAllowed, *, inference: bool) -> web.Response:
    allow = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
    if request.method == "OPTIONS":
        return web.Response(status=204, headers={"Allow": allow})
    problem = ProblemError("method-not-allowed", f"{request.method} is not taken here", hint=f"use {allow}")
    response = problem_response(problem, inference=inference)
    response.headers["Allow"] = allow
    return response
