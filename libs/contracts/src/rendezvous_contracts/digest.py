"""The digest of a question: what tells a repeated request from another one that uses its id."""

from hashlib import blake2b

from scoring.v1.request_pb2 import RequestFrame


def request_body(route: str, fields: bytes, key: str, model: str) -> bytes:
    """
    Return all that a request asks, encoded in one way only: everything but its id and its stamps.

    *fields*: encoded Fields, in deterministic protobuf's order.
    """
    return RequestFrame(route=route, fields=fields, key=key, model=model).SerializeToString()


def body_digest(body: bytes) -> int:
    """Return 64 bits over an encoded *body*."""
    return int.from_bytes(blake2b(body, digest_size=8).digest(), "big")
