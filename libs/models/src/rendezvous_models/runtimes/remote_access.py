"""
What the documents of remote models may reach: hosts, secrets and configurations that the operator names.

Whoever may publish a model writes such a document. So it reaches the loopback and the hosts of the setting
remote_hosts, it names secrets only by variables whose names begin with RENDEZVOUS_SECRET_ and by files of one
folder, and neither proxies nor redirections lead elsewhere. A host that is allowed by its name is trusted to
be what its name resolves to.
"""

import os
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from rendezvous_models.contract import RuntimeOptions
from rendezvous_models.errors import BadModelError, RuntimeUnavailableError
from rendezvous_models.runtimes.remote_document import Header, RemoteDocument

_LOOPBACK: Final = ("localhost", "127.0.0.0/8", "[::1]")
_PORTS: Final = {"http": 80, "https": 443}
_MAX_SECRET: Final = 64 << 10


def check_host(url: str, allowed: tuple[str, ...]) -> None:
    """
    Raise BadModelError unless the host of *url* is the loopback or one of *allowed*.

    An entry is a name, *.domain, an address or a network in CIDR notation; :port at its end restricts it to
    this port (an IPv6 address then stands in brackets).
    """
    parts = urlsplit(url)
    host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme)
    if not any(_matches(entry, host, port) for entry in (*_LOOPBACK, *allowed)):
        known = ", ".join(("the loopback", *allowed))
        raise BadModelError(
            f"url: {host}:{port} is not a host that remote models may be asked on ({known}); "
            "allow it by the setting remote_hosts"
        )


def _matches(entry: str, host: str, port: int | None) -> bool:
    pattern, wanted = _split_port(entry.lower())
    if wanted is not None and wanted != port:
        return False
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and host != pattern[1:]
    try:
        return ip_address(host) in ip_network(pattern, strict=False)
    except (TypeError, ValueError):
        return host == pattern.rstrip(".")


def _split_port(entry: str) -> tuple[str, int | None]:
    if entry.startswith("["):
        address, _, rest = entry[1:].partition("]")
        return address, int(rest[1:]) if rest[1:].isdigit() else None
    pattern, colon, port = entry.rpartition(":")
    return (pattern, int(port)) if colon and ":" not in pattern and port.isdigit() else (entry, None)


def read_headers(document: RemoteDocument, options: RuntimeOptions) -> dict[str, str]:
    """Return the headers of *document* with their values; raises RuntimeUnavailableError for one not here."""
    return {
        name: header.prefix + _value(f"headers.{name}", header, options)
        for name, header in document.headers.items()
    }


def _value(key: str, header: Header, options: RuntimeOptions) -> str:
    if header.env is not None:
        value = _environment(os.environ, key, header.env)
    elif header.file is not None:
        value = read_secret(key, header.file, options).decode("utf-8", "replace").strip()
    else:
        value = header.value or ""
    if not (value.isascii() and value.isprintable()):
        raise RuntimeUnavailableError(f"{key}: its value has characters that no header can have")
    return value


def _environment(environment: Mapping[str, str], key: str, name: str) -> str:
    if not environment.get(name):
        raise RuntimeUnavailableError(f"{key}: the environment variable {name} is not set in this process")
    return environment[name]


def read_secret(key: str, name: str, options: RuntimeOptions) -> bytes:
    """Return the content of the file *name* among the secrets, which *key* of a document asks for."""
    path = _inside(options.remote_secrets, "remote_secrets", key, name)
    try:
        with path.open("rb") as file:
            return file.read(_MAX_SECRET)
    except OSError as error:
        raise RuntimeUnavailableError(f"{key}: the secret {name} cannot be read: {error.strerror}") from error


def config_path(key: str, name: str, options: RuntimeOptions) -> Path:
    """Return the path of the model server configuration *name*, which *key* of a document asks for."""
    return _inside(options.remote_configs, "remote_configs", key, name)


def _inside(folder: Path | None, setting: str, key: str, name: str) -> Path:
    """Return the path of *name* in *folder*; names hold no separator and do not begin with a dot."""
    if folder is None:
        raise RuntimeUnavailableError(f"{key}: no folder is given for it; set {setting}")
    return folder / name
