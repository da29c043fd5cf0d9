"""Remembers which process has which port, so that addresses stay the same over restarts."""

import json
from pathlib import Path

from rendezvous_local.ports import free_port, is_free


class PortBook:
    """The ports of one data directory, by process name."""

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            self._ports: dict[str, int] = dict(json.loads(file.read_text()))
        except (FileNotFoundError, ValueError, TypeError):  # nothing is lost but the habit
            self._ports = {}

    def port(self, name: str) -> int:
        """Return the port that *name* had last time if it is free, else another that is, from now on."""
        port = self._ports.get(name)
        if port is None or not is_free(port):
            port = self._new()
            self._ports[name] = port
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._ports, indent=1))
        return port

    def _new(self) -> int:
        while (port := free_port()) in self._ports.values():
            pass
        return port
