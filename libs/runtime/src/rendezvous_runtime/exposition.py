"""
What Prometheus is shown, rendered in small pieces, and not for each who asks.

A scrape is Python work in a process whose data thread needs the interpreter too. Between two pieces of some
samples the event loop does what else is due, and the interpreter is let go; so a scrape, however long, keeps
nobody waiting for longer than one piece takes. What was rendered is shown to all who ask within a second: the
work does not grow with the number of scrapers, nor with their haste.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.samples import Sample

FRESH_S: Final = 1.0
_PIECE: Final = 50
_EOF: Final = b"# EOF\n"


class Exposed(NamedTuple):
    """A body, and its content type."""

    body: bytes
    content_type: str


class Page:
    """The metrics of *registry* as they were at most FRESH_S ago, by *now*, in seconds."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._now = now
        self._lock = asyncio.Lock()
        # By content type: when it was begun, and what came of it.
        self._rendered: dict[str, tuple[float, Exposed]] = {}

    async def show(self, accept: str) -> Exposed:
        """Return all metrics in the form that the header *accept* asks for, as expose does."""
        _, form = choose_encoder(accept)
        async with self._lock:
            began = self._now()
            at, page = self._rendered.get(form, (-math.inf, None))
            if page is None or began - at >= FRESH_S:
                page = await expose(self._registry, accept)
                self._rendered[form] = began, page
            return page


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
