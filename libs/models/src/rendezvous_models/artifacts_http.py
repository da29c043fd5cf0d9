"""
Artifacts over http and https, by aiohttp.

Redirects are followed here, so that each hop is held against the allow-list; names are resolved here, so that
the addresses that were checked are those that are connected to, however the name resolves a moment later.
Proxies of the environment are not used: behind one, nobody would know what is spoken to.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import Final
from urllib.parse import urljoin

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from rendezvous_models.addresses import Guard, Location, parse_location
from rendezvous_models.errors import ArtifactRefusedError, ArtifactUnavailableError

_CHUNK: Final = 1 << 20
_MAX_REDIRECTS: Final = 5
_CONNECT_S: Final = 10.0
_SILENCE_S: Final = 30.0
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_OK: Final = 200
_SERVER_ERRORS: Final = 500
# Not there yet, or not now; what else a server says of a request will be the same tomorrow.
_PASSING: Final = frozenset({404, 408, 425, 429})
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "rendezvous"}

Write = Callable[[bytes], None]


def read_http(location: Location, guard: Guard, write: Write, timeout_s: float) -> None:
    """
    Hand what *location* leads to to *write*, in pieces, within *timeout_s* seconds.

    Raises ArtifactRefusedError for what *guard* does not admit and what the server will not give,
    ArtifactUnavailableError for what may pass.
    """
    try:
        asyncio.run(_Download(guard, write).run(location, timeout_s))
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        detail = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        raise ArtifactUnavailableError(f"location {location}: {detail or type(error).__name__}") from error


class _Download:
    """One artifact on its way."""

    def __init__(self, guard: Guard, write: Write) -> None:
        self._guard = guard
        self._write = write

    async def run(self, location: Location, timeout_s: float) -> None:
        timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(self._guard), use_dns_cache=False, force_close=True
        )
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=timeout,
            headers=_HEADERS,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        ) as session:
            here: Location | None = location
            for _ in range(_MAX_REDIRECTS + 1):
                if here is None:
                    return
                here = await self._hop(session, here)
        if here is not None:
            raise ArtifactRefusedError(f"location {location} is redirected more than {_MAX_REDIRECTS} times")

    async def _hop(self, session: aiohttp.ClientSession, location: Location) -> Location | None:
        """Read *location* to its end, or return where it is redirected to."""
        self._guard.admit(location)
        async with session.get(location.text, allow_redirects=False) as response:
            if response.status in _REDIRECTS:
                return _next(location, response.headers.get("Location", ""))
            _check_status(location, response.status, response.reason or "")
            async for chunk in response.content.iter_chunked(_CHUNK):
                self._write(chunk)
            return None


def _next(location: Location, target: str) -> Location:
    found = parse_location(urljoin(location.text, target))
    if found.origin.scheme not in {location.origin.scheme, "https"}:
        raise ArtifactRefusedError(f"location {location} is redirected to {found.origin}, which is less safe")
    return found


def _check_status(location: Location, status: int, reason: str) -> None:
    if status == _OK:
        return
    problem = f"location {location}: the server says {status} {reason[:80]}"
    if status in _PASSING or status >= _SERVER_ERRORS:
        raise ArtifactUnavailableError(problem)
    raise ArtifactRefusedError(problem)


class _CheckedResolver(AbstractResolver):
    """Resolves names to addresses that *guard* admits, all of them or none."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=family)
        self._guard.admit_addresses(host, [str(address[0]) for *_, address in found])
        return [
            ResolveResult(
                hostname=host,
                host=str(address[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""
