"""Do the features of an input fit what a model declares? Compiled once per model."""

from collections.abc import Iterable

from rendezvous_contracts.fields import FieldChecker
from scoring.v1.control_pb2 import Field

from rendezvous_models.contract import Metadata, Row

_MAX_NAMED = 5


class InputValidator:
    """
    Checks rows against declared fields: those of the descriptor or, where it declares none, the model's own.

    Features that the model does not declare may come along: an extractor serves several models. A model that
    declares nothing, in neither place, takes everything.
    """

    def __init__(self, declared: Iterable[Field], metadata: Metadata) -> None:
        self._checker = FieldChecker(tuple(declared) or metadata.inputs, extras=True)

    def problem(self, row: Row) -> str:
        """Return what does not fit in *row*, naming the fields; empty if all does. Never raises."""
        found = self._checker.problems(row)
        if not found:
            return ""
        more = f"; and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        return "; ".join(map(str, found[:_MAX_NAMED])) + more
