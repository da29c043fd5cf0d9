"""
From where artifacts may be read: origins by an allow-list, and private addresses only where they are named.

The addresses of metadata services are refused whatever is allowed: an artifact that a container can be made
to fetch from one could carry its credentials away.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, NamedTuple
from urllib.parse import SplitResult, urlsplit

from rendezvous_models.errors import ArtifactRefusedError

HTTP_PORTS: Final = {"http": 80, "https": 443}
# Of object stores, the host is the bucket or container.
STORES: Final = ("s3", "gs", "gcs", "az", "abfs")

_SHOWN: Final = 200
# As AWS (instances, tasks, pods), Alibaba Cloud, Azure and Oracle Cloud document them; Google has the first.
_METADATA: Final = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
        ),
    )
)
_NAT64: Final = IPv6Network("64:ff9b::/96")
_COMPATIBLE: Final = IPv6Network("::/96")

Address = IPv4Address | IPv6Address


class Origin(NamedTuple):
    """Scheme, host and port; the port is None where the scheme has none."""

    scheme: str
    host: str
    port: int | None

    def __str__(self) -> str:
        standard = self.port is None or HTTP_PORTS.get(self.scheme) == self.port
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" if standard else f"{self.scheme}://{host}:{self.port}"


class Location(NamedTuple):
    """
    One place: *origin*, and *text* as it was written.

    str() leaves out the query, which may hold a signature.
    """

    origin: Origin
    text: str

    def __str__(self) -> str:
        return self.text.partition("?")[0][:_SHOWN]

    @property
    def path(self) -> str:
        """What comes after the origin, without the slash between."""
        return self.text.partition("://")[2].partition("/")[2]


def parse_location(text: str) -> Location:
    """Return the location that *text* names; raises ArtifactRefusedError for one that is not read."""
    shown = repr(text.partition("?")[0][:_SHOWN])
    parts = _split(text, shown)
    scheme = parts.scheme.lower()
    if scheme not in (*HTTP_PORTS, *STORES):
        raise ArtifactRefusedError(
            f"location {shown} is of a kind that is not read; use file:///path, "
            f"{', '.join(f'{each}://' for each in (*HTTP_PORTS, *STORES))} or an absolute path"
        )
    if "@" in parts.netloc:
        raise ArtifactRefusedError(
            f"a location of {scheme}:// names a user or an account before an @: the control log is no place "
            "for credentials; give them to the process by its environment"
        )
    location = Location(_origin(parts, scheme, shown), text)
    if not location.path:
        raise ArtifactRefusedError(f"location {shown} names no object")
    return location


def _split(text: str, shown: str) -> SplitResult:
    if not text.isascii() or not text.isprintable() or " " in text or "\\" in text:
        raise ArtifactRefusedError(
            f"location {shown} has characters that no URL has; write them as %xx, and a host in punycode"
        )
    try:
        return urlsplit(text)
    except ValueError as error:
        raise ArtifactRefusedError(f"location {shown} is no URL: {error}") from error


def _origin(parts: SplitResult, scheme: str, shown: str) -> Origin:
    try:
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ArtifactRefusedError(f"location {shown} is no URL: {error}") from error
    if not host or (scheme in STORES and port is not None):
        raise ArtifactRefusedError(f"location {shown} names no host or bucket, or a port where none can be")
    return Origin(scheme, host.rstrip("."), port or HTTP_PORTS.get(scheme))


class Guard:
    """
    Says what may be read.

    *origins*: scheme://host[:port] each; a host may begin with *. and then stands for all below it. Addresses
    must be public or lie in *networks* (CIDR). Raises ValueError for an origin or a network that is none.
    """

    def __init__(self, origins: Iterable[str] = (), networks: Iterable[str] = ()) -> None:
        self._origins = tuple(map(parse_origin, origins))
        self._networks = tuple(map(ip_network, networks))

    def admit(self, location: Location) -> None:
        """Raise ArtifactRefusedError unless the origin is allowed and, if it names an address, that too."""
        origin = location.origin
        if not any(_matches(origin, allowed) for allowed in self._origins):
            known = ", ".join(map(str, self._origins)) or "none"
            raise ArtifactRefusedError(
                f"location {location}: {origin} is not an allowed origin ({known}); "
                "allow it by the setting artifact_origins"
            )
        if origin.scheme in HTTP_PORTS and (address := _as_address(origin.host)):
            self.admit_addresses(origin.host, [str(address)])

    def admit_addresses(self, host: str, addresses: Iterable[str]) -> None:
        """Raise ArtifactRefusedError if *host* leads to any address that must not be spoken to."""
        for text in addresses:
            for address in _meant(ip_address(text)):
                if problem := self._problem(address):
                    raise ArtifactRefusedError(f"host {host} leads to {text}, {problem}")

    def _problem(self, address: Address) -> str:
        if address in _METADATA:
            return "the address of a metadata service, which is never read"
        if any(address in network for network in self._networks):
            return ""
        if address.is_global and not address.is_multicast:
            return ""
        return "which is not a public address; allow its network by the setting artifact_networks"


def parse_origin(text: str) -> Origin:
    """Return the origin that *text* names, scheme://host[:port]; raises ValueError."""
    parts = urlsplit(text.strip())
    scheme, host = parts.scheme.lower(), parts.hostname or ""
    known = scheme in (*HTTP_PORTS, *STORES)
    if not (known and host and parts.path in {"", "/"} and "@" not in parts.netloc) or parts.query:
        raise ValueError(f"{text!r} is not an origin: write scheme://host or scheme://host:port")
    return Origin(scheme, host.rstrip("."), parts.port or HTTP_PORTS.get(scheme))


def _matches(origin: Origin, allowed: Origin) -> bool:
    if (origin.scheme, origin.port) != (allowed.scheme, allowed.port):
        return False
    below = allowed.host.removeprefix("*")
    return origin.host == allowed.host or (below != allowed.host and origin.host.endswith(below))


def _as_address(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _meant(address: Address) -> Iterator[Address]:
    """Yield *address*, or those of version 4 that it wraps."""
    wrapped = tuple(_wrapped(address)) if isinstance(address, IPv6Address) else ()
    yield from wrapped or (address,)


def _wrapped(address: IPv6Address) -> Iterator[IPv4Address]:
    if address.ipv4_mapped:
        yield address.ipv4_mapped
    if address.sixtofour:
        yield address.sixtofour
    if address.teredo:
        yield from address.teredo
    if address in _NAT64 or (address in _COMPATIBLE and int(address) > 1):
        yield IPv4Address(int(address) & 0xFFFFFFFF)
