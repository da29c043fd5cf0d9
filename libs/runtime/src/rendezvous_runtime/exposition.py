"""
What Prometheus is shown, rendered in small pieces.

A scrape is Python work in a process whose data thread needs the interpreter too. Between two pieces of some
samples the event loop does what else is due, and the interpreter is let go; so a scrape, however long, keeps
nobody waiting for longer than one piece takes.
"""

import asyncio
from collections.abc import Iterator
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.samples import Sample

_PIECE: Final = 50
_EOF: Final = b"# EOF\n"


class Exposed(NamedTuple):
    """A body, and its content type."""

    body: bytes
    content_type: str


async def expose(registry: CollectorRegistry, accept: str) -> Exposed:
    """
    Return all metrics of *registry* in the form that the header *accept* asks for.

    In OpenMetrics, buckets have exemplars. When a counter began is left out: it would be a series for each.
    """
    encode, content_type = choose_encoder(accept)
    parts: list[bytes] = []
    ended = False
    for family in registry.collect():
        for first, piece in _pieces(family):
            encoded = encode(_Shown(piece))
            if encoded.endswith(_EOF):
                ended = True
                encoded = encoded.removesuffix(_EOF)
            parts.append(encoded if first else _without_comments(encoded))
            await asyncio.sleep(0)
    if ended or not parts:
        parts.append(encode(_Shown(None)))
    return Exposed(b"".join(parts), content_type)


class _Shown(NamedTuple):
    """What an encoder takes for a registry."""

    family: Metric | None

    def collect(self) -> Iterator[Metric]:
        if self.family is not None:
            yield self.family


def _pieces(family: Metric) -> Iterator[tuple[bool, Metric]]:
    """Return *family* in pieces, and whether it is the first."""
    samples = [each for each in family.samples if not each.name.endswith("_created")]
    for start in range(0, len(samples) or 1, _PIECE):
        yield start == 0, _with_samples(family, samples[start : start + _PIECE])


def _with_samples(family: Metric, samples: list[Sample]) -> Metric:
    piece = Metric(family.name, family.documentation, family.type, family.unit)
    piece.samples = samples
    return piece


def _without_comments(encoded: bytes) -> bytes:
    return b"".join(line for line in encoded.splitlines(keepends=True) if not line.startswith(b"# "))
