"""The digest of a question: what tells a repeated request from another one that uses its id."""

from hashlib import blake2b

from scoring.v1.request_pb2 import Request


def request_body(request: Request) -> bytes:
    """Return all that *request* asks, encoded in one way only: everything but its id and its stamps."""
    body = Request(
        route=request.route,
        fields=request.fields,
        key=request.key,
        model=request.model,
    )
    return body.SerializeToString(deterministic=True)


def body_digest(body: bytes) -> int:
    """Return 64 bits over an encoded *body*."""
    return int.from_bytes(blake2b(body, digest_size=8).digest(), "big")


def request_digest(request: Request) -> int:
    """Return 64 bits over all that *request* asks: everything but its id and its stamps."""
    return body_digest(request_body(request))
