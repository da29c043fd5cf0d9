"""
Rows to requests of tensors, and answers back to rows, as a document and a server's declaration say: pure.

A row that does not fit fails by itself, before anything is sent; an answer that does not fit fails the rows
that it was for.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Field

from rendezvous_models.contract import Failure, Metadata, Outputs, Row
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.remote_document import InputTensor, OutputTensor, TensorDocument
from rendezvous_models.runtimes.remote_tensors import Filled, InputMapping, OutputMapping, Shape, Signature
from rendezvous_models.runtimes.remote_types import DATATYPES, RowError, describe_type

_LARGEST_BATCH: Final = 10_000


class Request(NamedTuple):
    """What one call asks: *tensors* of the rows that stood at *places* in the batch."""

    places: list[int]
    tensors: list[Filled]


class TensorModel:
    """
    The mapping of one model, from its document and from what the server declares.

    Raises BadModelError, naming the document's key, where the two do not agree.
    """

    def __init__(
        self, document: TensorDocument, inputs: Sequence[Signature], outputs: Sequence[Signature]
    ) -> None:
        self._batched = document.batched
        inputs = inputs or _said_inputs(document)
        outputs = outputs or [Signature(each.name, "", None) for each in document.outputs or ()]
        self._inputs = [_input(document, *each) for each in _paired(document.inputs, inputs, "inputs")]
        self._outputs = [
            OutputMapping(signature, wanted.fields or (signature.name,), batched=document.batched)
            for _, wanted, signature in _paired(document.outputs, outputs, "outputs")
        ]
        self._max_batch = _max_batch(document, [each for each in inputs if self._uses(each.name)])

    def _uses(self, name: str) -> bool:
        return any(each.name == name for each in self._inputs)

    @property
    def output_names(self) -> tuple[str, ...]:
        """The tensors that are asked for."""
        return tuple(each.name for each in self._outputs)

    def metadata(self) -> Metadata:
        """Return the fields of rows and outputs."""
        inputs = {name: Field(name=name, type=each.field) for each in self._inputs for name in each.fields}
        return Metadata(
            tuple(inputs.values()), tuple(field for each in self._outputs for field in each.declared())
        )

    def requests(self, rows: Sequence[Row], answers: list[Outputs | Failure | None]) -> Iterator[Request]:
        """Yield what to ask for *rows*; why a row is not among it stands in *answers*, at its place."""
        alike: dict[tuple[Shape, ...], list[tuple[int, list[list[Any]]]]] = {}
        for place, row in enumerate(rows):
            try:
                made = [each.row(row) for each in self._inputs]
            except RowError as error:
                answers[place] = Failure(str(error))
            else:
                key = tuple(shape for shape, _ in made)
                alike.setdefault(key, []).append((place, [elements for _, elements in made]))
        for shapes, members in alike.items():
            for start in range(0, len(members), self._max_batch):
                yield self._request(shapes, members[start : start + self._max_batch])

    def _request(self, shapes: tuple[Shape, ...], members: list[tuple[int, list[list[Any]]]]) -> Request:
        tensors = [
            Filled(
                each.name,
                each.datatype.name,
                (len(members), *shape) if self._batched else shape,
                [element for _, made in members for element in made[number]],
            )
            for number, (each, shape) in enumerate(zip(self._inputs, shapes, strict=True))
        ]
        return Request([place for place, _ in members], tensors)

    def answers(self, tensors: Sequence[Filled], count: int) -> list[Outputs | Failure]:
        """Return the outputs of the *count* rows of one request, of which *tensors* came back."""
        given = {each.name: each for each in tensors}
        found: list[dict[str, Plain]] = [{} for _ in range(count)]
        wrong: dict[int, Failure] = {}
        for each in self._outputs:
            problem = each.problem(given, count)
            if problem:
                return [Failure(problem)] * count
            for place, outputs in enumerate(each.rows(given[each.name], count)):
                if isinstance(outputs, RowError):
                    wrong.setdefault(place, Failure(str(outputs)))
                else:
                    found[place].update(outputs)
        return [wrong.get(place, outputs) for place, outputs in enumerate(found)]


def _paired(
    wanted: Sequence[InputTensor] | Sequence[OutputTensor] | None, declared: Sequence[Signature], key: str
) -> list[tuple[str, Any, Signature]]:
    """Return each tensor of the document, under its key, with what the server declares of it."""
    by_name = {each.name: each for each in declared}
    kind = InputTensor if key == "inputs" else OutputTensor
    chosen = wanted or [kind(name=name) for name in by_name]
    pairs = []
    for number, each in enumerate(chosen):
        where = f"{key}.{number}"
        if each.name not in by_name:
            known = ", ".join(by_name) or "none"
            raise BadModelError(f"{where}.name: the server's model has no {each.name}; it declares {known}")
        signature = by_name[each.name]
        if signature.datatype not in {"", *DATATYPES}:
            raise BadModelError(f"{where}: {each.name} is of type {signature.datatype}, {describe_type()}")
        pairs.append((where, each, signature))
    missing = [name for name in by_name if name not in {each.name for each in chosen}]
    if key == "inputs" and missing:
        raise BadModelError(
            f"inputs: nothing is said of {', '.join(missing)}, which the server's model takes"
        )
    if not pairs:
        raise BadModelError(f"{key}: the server declares none for this model; say them in the document")
    return pairs


def _said_inputs(document: TensorDocument) -> list[Signature]:
    """Return the inputs as *document* says them, for a server that declares none: MLServer need not."""
    said = []
    for number, each in enumerate(document.inputs or ()):
        if each.datatype is None or each.datatype not in DATATYPES:
            raise BadModelError(
                f"inputs.{number}.datatype: the server declares no inputs, so it has to be said here, "
                f"as one of {', '.join(DATATYPES)}"
            )
        batch = (-1,) if document.batched else ()
        said.append(
            Signature(each.name, each.datatype, (*batch, *each.shape) if each.shape is not None else None)
        )
    return said


def _input(document: TensorDocument, where: str, wanted: InputTensor, signature: Signature) -> InputMapping:
    if wanted.datatype not in {None, signature.datatype}:
        raise BadModelError(f"{where}.datatype: {wanted.datatype}, but the server says {signature.datatype}")
    shape = signature.shape[1 if document.batched else 0 :] if signature.shape is not None else None
    if wanted.shape is not None:
        if shape is not None and (
            len(shape) != len(wanted.shape) or not all(map(_agree, wanted.shape, shape))
        ):
            raise BadModelError(f"{where}.shape: {list(wanted.shape)}, but the server says {list(shape)}")
        shape = wanted.shape
    return InputMapping(wanted.name, DATATYPES[signature.datatype], shape, wanted.fields or (wanted.name,))


def _agree(one: int, other: int) -> bool:
    return one == other or -1 in {one, other}


def _max_batch(document: TensorDocument, inputs: Sequence[Signature]) -> int:
    """Return how many rows one request may have."""
    largest = document.max_batch or _LARGEST_BATCH
    if not document.batched:
        return 1
    for each in inputs:
        if each.shape is not None and not each.shape:
            raise BadModelError(f'batched: {each.name} has no dimension for rows; say "batched": false')
        if each.shape and each.shape[0] > 1:
            raise BadModelError(
                f"inputs: {each.name} takes exactly {each.shape[0]} rows; export the model with a free "
                'first dimension, or say "batched": false if it counts no rows'
            )
        if each.shape and each.shape[0] == 1:
            largest = 1
    return largest
