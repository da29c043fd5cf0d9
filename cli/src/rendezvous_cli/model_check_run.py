"""Runs `model check`: fetch, recognise, load, gate, score, say."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from rendezvous_models.archives import content_root
from rendezvous_models.artifacts import ArtifactStore
from rendezvous_models.contract import Metadata, ModelRuntime, create_runtime
from rendezvous_models.errors import ArtifactRefusedError, BadModelError, ModelError
from rendezvous_models.gate import Passage, pass_gate
from rendezvous_models.golden_recorded import with_recorded
from rendezvous_models.recognise import recognise
from rendezvous_models.records import BadTableError, Dialect, Record, Table, match_header
from rendezvous_models.validation import InputValidator
from rendezvous_runtime.clock import SystemClock
from scoring.v1.control_pb2 import Model

from rendezvous_cli.errors import CliError
from rendezvous_cli.model_check_ask import Question
from rendezvous_cli.model_check_score import Scorer
from rendezvous_cli.model_check_show import (
    is_refused,
    say_passage,
    say_timing,
    show_fields,
    show_results,
    write_line,
)
from rendezvous_cli.terminal import FAILED, busy, note

REFUSED: Final = 2
_SEPARATORS: Final = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class _Loaded(NamedTuple):
    """A model that is loaded, and what it says of itself."""

    model: Model
    runtime: ModelRuntime
    metadata: Metadata
    validator: InputValidator


def run(question: Question, *, as_json: bool) -> int:
    """Answer *question* on stdout, with notes on stderr, and return the exit code."""
    model = question.model()
    question.check_records()
    try:
        with _loaded(question, model) as loaded:
            if not as_json:
                show_fields(loaded.validator.fields, model.outputs or loaded.metadata.outputs)
            with busy("warming the model up"):
                passage = _gate(loaded)
            say_passage(passage)
            if loaded.model.golden:
                note(f"golden records: {len(loaded.model.golden)} answered as written")
            return _score(question, loaded, as_json=as_json) if question.records else 0
    except ModelError as error:
        note(f"refused: {' '.join(str(error).split())}", style="red")
        if error.passing:
            note("a container would try again, for this can pass")
        return REFUSED


@contextmanager
def _loaded(question: Question, model: Model) -> Iterator[_Loaded]:
    """Yield the model, loaded from a private copy; raises ModelError for one that cannot be."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rendezvous-check-")))
        store = ArtifactStore(folder / "artifacts", question.rules())
        path = _fetch(question, model, store)
        if not model.type:
            model.type = recognise(path)
            note(f"type: {model.type}, told from the content")
        runtime = create_runtime(model, question.runtime_options())
        stack.callback(runtime.unload)
        path = _as_loaded(runtime, path, store)
        to_prove = with_recorded(model, path) if runtime.unpacks else model
        with busy("loading the model"):
            metadata = _load(runtime, path)
        yield _Loaded(to_prove, runtime, metadata, InputValidator(model.inputs, metadata))


def _fetch(question: Question, model: Model, store: ArtifactStore) -> Path:
    """Return the private copy of the artifact, or the folder that it is."""
    if Path(question.artifact).is_dir():
        return content_root(Path(question.artifact))
    with busy(f"reading {question.artifact.partition('?')[0]}"):
        found, path = store.take(question.location)
    model.artifact.CopyFrom(found)
    note(f"artifact: size: {found.size}, sha256: {found.sha256.hex()}")
    return path


def _as_loaded(runtime: ModelRuntime, path: Path, store: ArtifactStore) -> Path:
    """Return *path* as *runtime* takes it: a file, or the folder of an archive."""
    model = runtime.descriptor
    if path.is_dir() and not runtime.unpacks:
        raise ArtifactRefusedError(f"{path} is a folder; a model of type {model.type} is one file")
    return store.unpack(model.artifact) if runtime.unpacks and not path.is_dir() else path


def _load(runtime: ModelRuntime, path: Path) -> Metadata:
    try:
        runtime.load(path)
        return runtime.metadata()
    except ModelError:
        raise
    except Exception as error:
        raise BadModelError(f"the model does not load: {type(error).__name__}: {error}") from error


def _gate(loaded: _Loaded) -> Passage:
    try:
        return pass_gate(loaded.runtime, loaded.model, loaded.validator, SystemClock())
    except ModelError:
        raise
    except Exception as error:
        raise BadModelError(f"the model fails: {type(error).__name__}: {error}") from error


def _score(question: Question, loaded: _Loaded, *, as_json: bool) -> int:
    """Score the records, show what comes, and return the exit code."""
    scorer = Scorer(loaded.runtime, loaded.validator, question.max_batch, lambda: time.monotonic_ns() // 1000)
    shown, refused, rows = [], 0, 0
    for each in scorer.score(_records(question, loaded)):
        rows += 1
        refused += is_refused(each)
        if as_json:
            write_line(each)
        else:
            shown.append(each)
    if not as_json:
        show_results(shown)
    say_timing(scorer.timing)
    note(f"{rows} rows, {refused} of them failed")
    return FAILED if refused else 0


def _records(question: Question, loaded: _Loaded) -> Iterator[Record]:
    with question.open_records() as file:
        try:
            table = Table(file)
            _say_dialect(table.dialect)
            matching = match_header(table.header, loaded.validator.fields)
            for text in matching.notes:
                note(text)
            yield from table.records(matching)
        except BadTableError as error:
            raise CliError(f"{question.records}: {error}") from error


def _say_dialect(dialect: Dialect) -> None:
    quotes = "double" if dialect.quote == '"' else "single"
    note(f"records: separated by {_SEPARATORS[dialect.separator]}, in {quotes} quotes where quoted")
