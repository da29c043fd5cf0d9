"""A service of ours as a process, for tests against a real broker."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from rendezvous_contracts.topics import STATUS
from scoring.v1.status_pb2 import Status

from tests.support.broker import consume_all


@contextmanager
def service(
    module: str, bootstrap: str, folder: Path, settings: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run *module* until the block ends; its log is appended to *folder*/log."""
    environment = {
        "RENDEZVOUS_BOOTSTRAP_SERVERS": bootstrap,
        "RENDEZVOUS_DATA_DIR": str(folder),
        "RENDEZVOUS_WEB_PORT": "0",
        "RENDEZVOUS_HEARTBEAT_S": "0.2",
        **settings,
    }
    with (
        (folder / "log").open("ab") as log,
        subprocess.Popen(
            [sys.executable, "-m", module], env={**os.environ, **environment}, stdout=log, stderr=log
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def newest_status(bootstrap: str) -> Status:
    """The last status that any instance has sent; an empty one if none has."""
    records = consume_all(bootstrap, STATUS)
    return Status.FromString(records[-1].value or b"") if records else Status()
