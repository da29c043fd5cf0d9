"""Do the features of an input fit what a model declares? Compiled once per model."""

from collections.abc import Iterable

from rendezvous_contracts.fields import FieldChecker, FieldProblem
from scoring.v1.control_pb2 import Field

from rendezvous_models.contract import Metadata, Row

_MAX_NAMED = 5


class InputValidator:
    """
    Checks rows against fields: those of the descriptor, completed by the model's own, see input_fields.

    Features that the model does not declare may come along: an extractor serves several models. A model that
    declares nothing, in neither place, takes everything.
    """

    def __init__(self, declared: Iterable[Field], metadata: Metadata) -> None:
        self.fields = input_fields(declared, metadata)
        self._checker = FieldChecker(self.fields, extras=True)

    def problems(self, row: Row) -> list[FieldProblem]:
        """Return everything that does not fit in *row*. Never raises."""
        return self._checker.problems(row)

    def problem(self, row: Row) -> str:
        """Return what does not fit in *row*, naming the fields; empty if all does. Never raises."""
        found = self.problems(row)
        if not found:
            return ""
        more = f"; and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        return "; ".join(map(str, found[:_MAX_NAMED])) + more


def input_fields(declared: Iterable[Field], metadata: Metadata) -> tuple[Field, ...]:
    """
    Return what rows have to fit: the *declared* fields of a descriptor, completed by the model's own.

    Of a field that both declare, the descriptor says the type and whether it may be missing; bounds and
    categories that it leaves open are the model's.
    """
    own = {field.name: field for field in metadata.inputs}
    said = {field.name: _completed(field, own.get(field.name)) for field in declared}
    return (*said.values(), *(field for name, field in own.items() if name not in said))


def _completed(field: Field, own: Field | None) -> Field:
    if own is None:
        return field
    completed = Field()
    completed.CopyFrom(field)
    for bound in ("minimum", "maximum"):
        if own.HasField(bound) and not field.HasField(bound):
            setattr(completed, bound, getattr(own, bound))
    if own.categories and not field.categories:
        completed.categories.extend(own.categories)
    return completed
