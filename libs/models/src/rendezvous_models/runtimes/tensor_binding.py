"""Which fields fill which input tensor, and what the outputs are called: decided once, when a model loads."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from scoring.v1.control_pb2 import Field, FieldType

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.tensor_inputs import Columns, Constant, Input, TensorColumn
from rendezvous_models.runtimes.tensor_options import CONSTANT, FIELDS, MISSING, SHAPE, TensorOptions
from rendezvous_models.runtimes.tensor_outputs import Output
from rendezvous_models.runtimes.tensors import TensorSpec, plain_name, shape_text

_TENSOR: Final = FieldType.FIELD_TYPE_TENSOR
_BLOB: Final = FieldType.FIELD_TYPE_BLOB


def bind_inputs(specs: Sequence[TensorSpec], options: TensorOptions) -> tuple[Input, ...]:
    """
    Return what fills each of *specs*; raises BadModelError where that cannot be told.

    In this order: the options constant.T and fields.T; a declared field of the tensor's name; for the only
    tensor that is left, all declared fields in their order; and where nothing is declared, a field of the
    tensor's name.
    """
    binding = _Binding(options)
    bound = {spec.name: binding.given(spec) or binding.same_name(spec) for spec in specs}
    left = [spec for spec in specs if bound[spec.name] is None]
    for spec in left:
        bound[spec.name] = binding.remaining(spec, alone=len(left) == 1)
    return tuple(each for each in bound.values() if each is not None)


class _Binding:
    """What the descriptor declares, as it is used up."""

    def __init__(self, options: TensorOptions) -> None:
        self._options = options
        self._declared = {field.name: field for field in options.declared}
        self._by_plain_name: dict[str, list[Field]] = {}
        for field in options.declared:
            self._by_plain_name.setdefault(plain_name(field.name), []).append(field)
        self._fills = {name: options.value(MISSING, name) for name in options.abouts(MISSING)}

    def given(self, spec: TensorSpec) -> Input | None:
        """Return what the options say."""
        constant = self._options.value(CONSTANT, spec.name)
        if constant is not None:
            return Constant(spec, constant)
        if spec.shape == ():
            raise BadModelError(
                f"input tensor {spec} has no rows; option constant.{spec.name} gives its value"
            )
        names = self._options.names(FIELDS, spec.name)
        return self._filled(spec, [self._field(name, spec) for name in names]) if names else None

    def same_name(self, spec: TensorSpec) -> Input | None:
        """Return what a declared field of the tensor's name gives."""
        exact = self._declared.get(spec.name)
        alike = [exact] if exact else self._by_plain_name.get(plain_name(spec.name.partition(":")[0]), [])
        return self._filled(spec, alike) if len(alike) == 1 else None

    def remaining(self, spec: TensorSpec, *, alone: bool) -> Input:
        """Return what is left for *spec*."""
        if not self._options.declared:
            return self._filled(spec, [self._made_up(spec)])
        if alone and self._declared:
            return self._filled(spec, list(self._declared.values()))
        raise BadModelError(
            f"no declared field is called like input tensor {spec}; "
            f"option {FIELDS}.{spec.name} names the fields that are its columns"
        )

    def _filled(self, spec: TensorSpec, fields: list[Field]) -> Input:
        """Return *spec* filled from *fields*, which are then used up."""
        for field in fields:
            self._declared.pop(field.name, None)
        if len(fields) == 1 and fields[0].type == _TENSOR:
            return TensorColumn(spec, fields[0])
        width = len(fields) if spec.width is None and not spec.deep else spec.width
        if width != len(fields):
            names = ", ".join(field.name for field in fields)
            raise BadModelError(
                f"input tensor {spec} takes {shape_text((spec.shape or ())[1:])} a row, which these "
                f"{len(fields)} fields do not fill: {names}; option {FIELDS}.{spec.name} names those that do"
            )
        return Columns(spec, fields, self._fills)

    def _field(self, name: str, spec: TensorSpec) -> Field:
        for field in self._options.declared:
            if field.name == name:
                return field
        if self._options.declared:
            raise BadModelError(
                f"option {FIELDS}.{spec.name} names {name[:80]!r}, which is no declared input"
            )
        return Field(name=name, type=spec.field_type, optional=name in self._fills)

    def _made_up(self, spec: TensorSpec) -> Field:
        kind = spec.field_type if spec.width == 1 else _TENSOR
        return Field(name=spec.name, type=kind, optional=spec.name in self._fills)


def bind_outputs(specs: Sequence[TensorSpec], options: TensorOptions) -> tuple[Output, ...]:
    """
    Return how each of *specs* becomes outputs.

    Their names are: the option fields.T; those that the model itself gives its columns; for a model with one
    output tensor, the outputs that the descriptor declares, if there are as many; else the tensor's name.
    """
    blobs = {field.name for field in options.promised if field.type == _BLOB}
    outputs = []
    for spec in specs:
        names = options.names(FIELDS, spec.name) or spec.columns or _promised(spec, specs, options)
        as_bytes = bool(blobs & {spec.name, *names})
        outputs.append(Output(spec, names, as_bytes=as_bytes))
    counted = Counter(field.name for output in outputs for field in output.fields)
    if twins := [name for name, times in counted.items() if times > 1]:
        raise BadModelError(
            f"several outputs are called {', '.join(twins)}; options fields.T name them apart"
        )
    return tuple(outputs)


def _promised(spec: TensorSpec, specs: Sequence[TensorSpec], options: TensorOptions) -> tuple[str, ...]:
    promised = options.promised
    scalars = all(field.type != _TENSOR for field in promised)
    if len(specs) == 1 and scalars and spec.width == len(promised):
        return tuple(field.name for field in promised)
    return ()


def chosen_outputs(specs: Sequence[TensorSpec], options: TensorOptions) -> tuple[TensorSpec, ...]:
    """Return those of *specs* that the option outputs names, in its order; all without it."""
    known = {spec.name: spec for spec in specs}
    names = options.names("outputs") or tuple(known)
    for name in names:
        if name not in known:
            raise BadModelError(f"option outputs names {name[:80]!r}; the model gives {', '.join(known)}")
    return tuple(known[name] for name in names)


def check_tensor_names(specs: Iterable[TensorSpec], options: TensorOptions) -> None:
    """Raise BadModelError if an option is about a tensor that is not among *specs*."""
    known = {spec.name for spec in specs}
    for option in (FIELDS, CONSTANT, SHAPE):
        for name in options.abouts(option):
            if name not in known:
                choice = ", ".join(sorted(known))
                raise BadModelError(f"option {option}.{name[:80]} is about no tensor of the model: {choice}")
