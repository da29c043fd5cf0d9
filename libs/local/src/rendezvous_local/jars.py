"""The programs and jars of the local broker: found on this machine, or resolved once and cached."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from rendezvous_local.errors import LocalError, MissingToolError

POM: Final = Path(__file__).with_name("pom.xml")
JAVA_AT_LEAST: Final = 17
_RESOLVE_TIMEOUT_S: Final = 900
_HOW_TO_INSTALL: Final = "on Debian or Ubuntu: apt-get install openjdk-17-jdk-headless maven"


def kafka_version() -> str:
    """Return the version of the local broker, as the POM names it."""
    found = re.search(r"<kafka\.version>([^<]+)<", POM.read_text())
    if found is None:
        raise LocalError(f"{POM}: names no <kafka.version>")
    return found[1]


def cache_dir() -> Path:
    """Return the folder for what can be fetched again: rendezvous below XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rendezvous"


def find_java() -> str:
    """Return the path of a Java that can run the broker; raises MissingToolError."""
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        where = f"JAVA_HOME ({home})" if home else "PATH"
        raise MissingToolError(f"no java on {where}: install Java {JAVA_AT_LEAST}+ ({_HOW_TO_INSTALL})")
    result = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
    check_java_version(java, result.stderr)
    return java


def check_java_version(java: str, text: str) -> None:
    """Raise MissingToolError unless *text*, what `java -version` printed, names a Java that is new enough."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    if found is None or int(found[1]) < JAVA_AT_LEAST:
        says = text.strip().partition("\n")[0] or "nothing"
        raise MissingToolError(
            f"{java} is not Java {JAVA_AT_LEAST} or newer (it says: {says}): "
            f"install one ({_HOW_TO_INSTALL}), or point JAVA_HOME to it"
        )


def find_maven() -> str:
    """Return the path of Maven; raises MissingToolError."""
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingToolError(f"no mvn on PATH: install Maven 3.6+ ({_HOW_TO_INSTALL})")
    return maven


def broker_jars(cache: Path | None = None) -> Path:
    """
    Return the folder with the broker's jars, resolved from Maven Central if *cache* does not hold them.

    Safe against other processes doing the same, and against being stopped half-way: a folder of that name
    is always whole. Raises MissingToolError without Maven, LocalError when Maven fails.
    """
    return resolved_jars(POM, f"kafka-{kafka_version()}", cache)


def resolved_jars(pom: Path, name: str, cache: Path | None = None) -> Path:
    """
    Return the folder with the jars that *pom* names, resolved from Maven Central if *cache* does not hold it.

    The folder's name begins with *name* and changes with the POM. Raises as broker_jars does.
    """
    digest = hashlib.sha256(pom.read_bytes()).hexdigest()[:12]
    folder = (cache or cache_dir()) / f"{name}-{digest}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_suffix(".lock")):
        if not folder.is_dir():
            _resolve(pom, folder)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _resolve(pom: Path, folder: Path) -> None:
    maven = find_maven()
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        jars = Path(temporary) / "jars"
        argv = [
            maven,
            "-q",
            "-B",
            "-f",
            str(pom),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={jars}",
        ]
        result = subprocess.run(
            argv, capture_output=True, text=True, check=False, cwd=temporary, timeout=_RESOLVE_TIMEOUT_S
        )
        if result.returncode != 0:
            tail = "\n".join((result.stdout + result.stderr).strip().splitlines()[-15:])
            raise LocalError(
                f"Maven could not fetch the jars of {pom}; check the network and Maven's settings. "
                f"It said:\n{tail}"
            )
        jars.rename(folder)
