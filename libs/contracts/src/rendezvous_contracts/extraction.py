"""From the fields of a request to the features that models see, as a route's extractor declares it. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from scoring.v1.control_pb2 import Extractor

from rendezvous_contracts.errors import BadExtractorError
from rendezvous_contracts.extraction_steps import CompiledStep, compile_step
from rendezvous_contracts.extraction_values import FieldError
from rendezvous_contracts.values import Plain

NO_STEPS: Final = "pass-through"
MAX_STEPS: Final = 100
MAX_NAME: Final = 128


class Problem(NamedTuple):
    """Why a request has no features: *step* counts from 1; str() is for people."""

    step: int
    kind: str
    field: str
    reason: str

    def __str__(self) -> str:
        return f"step {self.step} ({self.kind}): field {self.field[:80]!r} {self.reason}"


class Extraction(NamedTuple):
    """
    An extractor that was checked and is ready to run.

    *extract* takes the values of a request's fields and returns its features, or the Problem that it has
    none; it raises nothing and leaves its argument as it is. *steps* is 0 for a pass-through.
    """

    name: str
    steps: int
    extract: Callable[[Mapping[str, Plain]], dict[str, Plain] | Problem]


def check_extractor(extractor: Extractor) -> None:
    """Raise BadExtractorError, which names the step and what is wrong, unless *extractor* can work."""
    compile_extractor(extractor)


def compile_extractor(extractor: Extractor) -> Extraction:
    """Return *extractor* ready to run; raises BadExtractorError as check_extractor does."""
    name = extractor.name or NO_STEPS
    if len(name) > MAX_NAME or not name.isprintable():
        raise BadExtractorError(f"the name {name[:80]!r}: use up to {MAX_NAME} printable characters")
    if len(extractor.steps) > MAX_STEPS:
        raise BadExtractorError(
            f"the extractor has {len(extractor.steps)} steps; at most {MAX_STEPS} are allowed"
        )
    steps = []
    names = _Names()
    for number, step in enumerate(extractor.steps, start=1):
        try:
            compiled = compile_step(step)
            names.after(compiled)
        except BadExtractorError as error:
            kind = step.WhichOneof("kind") or "empty"
            raise BadExtractorError(f"step {number} ({kind}): {error}") from error
        steps.append(compiled)
    return Extraction(name, len(steps), _chain(steps))


def _chain(steps: Iterable[CompiledStep]) -> Callable[[Mapping[str, Plain]], dict[str, Plain] | Problem]:
    chain = tuple((number, step.kind, step.apply) for number, step in enumerate(steps, start=1))

    def extract(fields: Mapping[str, Plain]) -> dict[str, Plain] | Problem:
        values = dict(fields)
        number, kind = 0, ""
        try:
            for number, kind, apply in chain:  # noqa: B007 - the handler below reads them
                values = apply(values)
        except FieldError as error:
            return Problem(number, kind, error.field, error.reason)
        return values

    return extract


class _Names:
    """Between two steps: the fields known to be all (after a select), and those known to be gone."""

    def __init__(self) -> None:
        self._known: frozenset[str] | None = None
        self._gone: frozenset[str] = frozenset()

    def after(self, step: CompiledStep) -> None:
        """Go past *step*; raises BadExtractorError if it can never find what it needs."""
        for name in step.needs:
            if name in self._gone or (self._known is not None and name not in self._known):
                raise BadExtractorError(f"field {name[:80]!r} is not there after the steps before it")
        for name in step.fresh:
            if self._known is not None and name in self._known:
                raise BadExtractorError(f"field {name[:80]!r} is there already after the steps before it")
        if step.only:
            self._known = frozenset(step.adds)
        elif self._known is not None:
            self._known = (self._known - set(step.drops)) | set(step.adds)
        self._gone = (self._gone | set(step.drops)) - set(step.adds)
