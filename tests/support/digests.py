"""The digest of a request as its message says it, for tests of what says it by other means."""

from rendezvous_contracts.digest import body_digest
from scoring.v1.request_pb2 import Request


def request_digest(request: Request) -> int:
    """Return 64 bits over all that *request* asks: everything but its id and its stamps."""
    body = Request(route=request.route, fields=request.fields, key=request.key, model=request.model)
    return body_digest(body.SerializeToString(deterministic=True))
