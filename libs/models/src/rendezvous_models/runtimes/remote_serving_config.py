"""
The model configuration of a TensorFlow Serving: reading, changing and keeping it.

The server takes a whole new configuration (HandleReloadConfigRequest), unloads what it does not name, and
tells nobody which one it has. So there has to be a record beside it, and the one that the server itself reads
at its start, the file of --model_config_file, is the only one that also holds the models that others have put
there. What this process has published would not do: a configuration made of it would drop all others.

The file lies in a folder that the operator shares between the server and the model containers. It is changed
under a lock, after the server has taken the change, and as a whole, so that a restart of the server finds
what it served before. Comments in it do not survive.
"""

import fcntl
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from rendezvous_models.errors import BadModelError, RuntimeUnavailableError
from rendezvous_models.runtimes.remote_runtime import NotReadyError

_TURN_S = 0.05


@contextmanager
def locked(path: Path, timeout_s: float) -> Iterator[None]:
    """
    Hold the lock on the configuration at *path*; raises NotReadyError if another has it for *timeout_s*.

    It is a file of its own, for the configuration is replaced and not written to.
    """
    deadline = time.monotonic() + timeout_s
    try:
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        raise RuntimeUnavailableError(
            f"deploy.config_file: {path} cannot be locked: {error.strerror}"
        ) from error
    try:
        while not _taken(lock):
            if time.monotonic() > deadline:
                raise NotReadyError(f"deploy.config_file: another process changes {path.name} all the time")
            time.sleep(_TURN_S)
        yield
    finally:
        os.close(lock)


def _taken(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_config(path: Path) -> ModelServerConfig:
    """Return the configuration at *path*; raises RuntimeUnavailableError or BadModelError."""
    try:
        config = text_format.Parse(path.read_text(), ModelServerConfig())
    except OSError as error:
        raise RuntimeUnavailableError(
            f"deploy.config_file: {path} cannot be read: {error.strerror}; "
            "it has to be the file that the server is started with (--model_config_file)"
        ) from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise BadModelError(f"deploy.config_file: {path} is no model configuration: {error}") from error
    if config.WhichOneof("config") == "custom_model_config":
        raise BadModelError(f"deploy.config_file: {path} has a custom configuration, which nobody can add to")
    return config


def write_config(path: Path, config: ModelServerConfig) -> None:
    """Put *config* in place of what is at *path*, whole or not at all; raises RuntimeUnavailableError."""
    try:
        mode = path.stat().st_mode & 0o777
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}.", delete=False) as made:
            try:
                made.write(text_format.MessageToString(config))
                made.flush()
                os.fsync(made.fileno())
                Path(made.name).chmod(mode)
                Path(made.name).replace(path)
            except BaseException:
                with suppress(OSError):
                    Path(made.name).unlink()
                raise
    except OSError as error:
        raise RuntimeUnavailableError(
            f"deploy.config_file: the server has taken the change, but {path} cannot be written: "
            f"{error.strerror}; the server will not have it after a restart"
        ) from error


def with_version(
    config: ModelServerConfig, name: str, version: int, base_path: str, *, served: Iterable[int]
) -> ModelServerConfig:
    """
    Return a copy of *config* in which *version* of the model *name* is served, and all that was is still.

    *served* are the versions that the server has now: where the entry leaves the choice to the server
    ("latest"), they are named from now on. Raises BadModelError where the model lies at another path, for
    its other versions would go.
    """
    changed = ModelServerConfig()
    changed.CopyFrom(config)
    changed.model_config_list.SetInParent()
    entry = _entry(changed, name)
    if entry is None:
        entry = changed.model_config_list.config.add(
            name=name, base_path=base_path, model_platform="tensorflow"
        )
        entry.model_version_policy.specific.versions.append(version)
        return changed
    if entry.base_path.rstrip("/") != base_path.rstrip("/"):
        raise BadModelError(
            f"deploy.base_path: the server has {name} at {entry.base_path}, not at {base_path}; "
            "publish under another model name, or move it there by hand"
        )
    versions = _versions(entry, version, set(served))
    if versions is not None:
        del entry.model_version_policy.specific.versions[:]
        entry.model_version_policy.specific.versions.extend(sorted(versions))
    return changed


def _entry(config: ModelServerConfig, name: str) -> Any:
    return next((each for each in config.model_config_list.config if each.name == name), None)


def _versions(entry: Any, version: int, served: set[int]) -> set[int] | None:
    """Return the versions that *entry* has to name for *version* to be served; None: it may stay as it is."""
    policy = entry.model_version_policy
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return None
    if choice == "specific":
        return {*policy.specific.versions, version}
    return None if version in served else {*served, version}
