"""Tensors as TensorFlow's messages hold them."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow.core.framework.types_pb2 import DataType

from rendezvous_models.runtimes.remote_runtime import CallError
from rendezvous_models.runtimes.remote_tensors import Filled, Signature
from rendezvous_models.runtimes.remote_types import DATATYPES

# TensorFlow's types, by the names of remote_types, and the list that holds the elements of each.
_TYPES: Final[Mapping[int, tuple[str, str]]] = {
    DataType.DT_HALF: ("FP16", "half_val"),
    DataType.DT_FLOAT: ("FP32", "float_val"),
    DataType.DT_DOUBLE: ("FP64", "double_val"),
    DataType.DT_INT8: ("INT8", "int_val"),
    DataType.DT_INT16: ("INT16", "int_val"),
    DataType.DT_INT32: ("INT32", "int_val"),
    DataType.DT_INT64: ("INT64", "int64_val"),
    DataType.DT_UINT8: ("UINT8", "int_val"),
    DataType.DT_UINT16: ("UINT16", "int_val"),
    DataType.DT_UINT32: ("UINT32", "uint32_val"),
    DataType.DT_UINT64: ("UINT64", "uint64_val"),
    DataType.DT_BOOL: ("BOOL", "bool_val"),
    DataType.DT_STRING: ("BYTES", "string_val"),
}
_CODES: Final = {name: code for code, (name, _) in _TYPES.items()}


def signature(name: str, info: Any) -> Signature:
    """Return the tensor *name* as its TensorInfo *info* declares it."""
    shape = info.tensor_shape
    dims = None if shape.unknown_rank else tuple(dim.size for dim in shape.dim)
    return Signature(name, _name(info.dtype), dims)


def to_proto(tensor: Filled) -> TensorProto:
    """Return *tensor* as a message."""
    message = TensorProto(dtype=_CODES[tensor.datatype])
    for size in tensor.shape:
        message.tensor_shape.dim.add(size=size)
    code = DATATYPES[tensor.datatype].code
    if code:
        message.tensor_content = struct.pack(f"<{len(tensor.elements)}{code}", *tensor.elements)
    else:
        message.string_val.extend(
            each.encode() if isinstance(each, str) else each for each in tensor.elements
        )
    return message


def from_proto(name: str, message: TensorProto) -> Filled:
    """Return what *message* holds for the output *name*; raises CallError for content that is cut."""
    datatype = _name(message.dtype)
    return Filled(
        name, datatype, tuple(dim.size for dim in message.tensor_shape.dim), _elements(message, datatype)
    )


def _name(code: int) -> str:
    known = _TYPES.get(code)
    return known[0] if known else str(DataType.Name(code) if code in DataType.values() else code)


def _elements(message: TensorProto, datatype: str) -> Sequence[Any]:
    if message.dtype not in _TYPES:
        return ()
    code = DATATYPES[datatype].code
    content = message.tensor_content
    if not content:
        listed = list(getattr(message, _TYPES[message.dtype][1]))
        return (
            struct.unpack(f"<{len(listed)}e", struct.pack(f"<{len(listed)}H", *listed))
            if code == "e"
            else listed
        )
    if not code or len(content) % struct.calcsize(f"<{code}"):
        raise CallError("the content of an output is cut short", blames=False)
    return struct.unpack(f"<{len(content) // struct.calcsize(f'<{code}')}{code}", content)
