"""What `model check` is asked, and the model, the rules and the records that follow from it."""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rendezvous_contracts.policy import ModelDocument, parse_documents
from rendezvous_contracts.policy_models import parse_golden
from rendezvous_models.addresses import Guard, parse_location
from rendezvous_models.artifacts import ArtifactRules
from rendezvous_models.artifacts_files import is_local
from rendezvous_models.contract import RuntimeOptions
from scoring.v1.control_pb2 import Model

from rendezvous_cli.errors import CliError, UsageError
from rendezvous_cli.fields import STDIN


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as `model check` takes it; an empty text is something not given."""

    artifact: str
    kind: str = ""
    records: str = ""
    golden: str = ""
    policy: str = ""
    options: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    remote_hosts: tuple[str, ...] = ()
    remote_secrets: str = ""
    remote_configs: str = ""
    max_batch: int = 256
    jvm_heap_mb: int = 512

    @property
    def location(self) -> str:
        """The artifact as a store takes it: a file by its absolute path."""
        if "://" in self.artifact:
            return self.artifact
        return str(Path(self.artifact).absolute())

    def rules(self) -> ArtifactRules:
        """Return what may be read: what was named, and where its origin may lead."""
        if is_local(self.location):
            return ArtifactRules(roots=(Path("/"),))
        try:
            named = str(parse_location(self.location).origin)
            return ArtifactRules(guard=Guard((named, *self.origins), self.networks))
        except ValueError as error:
            raise UsageError(str(error)) from error

    def runtime_options(self) -> RuntimeOptions:
        """Return what the runtime is granted."""
        return RuntimeOptions(
            jvm_heap_mb=self.jvm_heap_mb,
            remote_hosts=self.remote_hosts,
            remote_secrets=Path(self.remote_secrets) if self.remote_secrets else None,
            remote_configs=Path(self.remote_configs) if self.remote_configs else None,
        )

    def model(self) -> Model:
        """Return the model's descriptor as far as it is known: without an artifact, maybe without a type."""
        model = _described(self.policy) if self.policy else Model(name="checked", version="0")
        model.ClearField("artifact")
        model.type = self.kind or model.type
        for text in self.options:
            name, equals, value = text.partition("=")
            if not (name and equals):
                raise UsageError(f"--option {text!r}: write NAME=VALUE")
            model.options[name] = value
        if self.golden:
            model.ClearField("golden")
            model.golden.extend(parse_golden(_text(self.golden), self.golden))
        return model

    def check_records(self) -> None:
        """Raise CliError if the records are not there: better before a model is loaded than after."""
        if self.records not in {"", STDIN} and not Path(self.records).is_file():
            raise CliError(f"{self.records} cannot be read: there is no such file")

    @contextmanager
    def open_records(self) -> Iterator[TextIO]:
        """Open the records; raises CliError for a file that cannot be read as UTF-8."""
        if self.records == STDIN:
            yield io.StringIO(sys.stdin.read())
            return
        try:
            with Path(self.records).open(encoding="utf-8-sig", newline="") as file:
                yield file
        except OSError as error:
            raise CliError(f"{self.records} cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise CliError(
                f"{self.records} is not a text in UTF-8: {error.reason} at byte {error.start}"
            ) from error


def _described(source: str) -> Model:
    documents = parse_documents(_text(source), source)
    models = [document.model for document in documents if isinstance(document, ModelDocument)]
    if len(models) != 1:
        raise UsageError(f"--policy {source}: it holds {len(models)} models; name a file with one")
    return models[0]


def _text(source: str) -> str:
    try:
        return Path(source).read_text(encoding="utf-8")
    except OSError as error:
        raise CliError(f"{source} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CliError(f"{source} is not a text in UTF-8: {error.reason} at byte {error.start}") from error
