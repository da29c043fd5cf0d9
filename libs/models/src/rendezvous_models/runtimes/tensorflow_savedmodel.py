"""
TensorFlow SavedModels, in this process.

A batch is one call of the signature. Python's lock is free while the model computes. The process must not
fork once a model is loaded: see tensorflow_library.
"""

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Final

from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.saved_model_document import SavedModelDocument, read_saved_model
from rendezvous_models.runtimes.tensor_options import CONSTANT, FIELDS, MISSING, OUTPUTS, TensorOptions
from rendezvous_models.runtimes.tensor_runtime import TensorModel, TensorRuntime
from rendezvous_models.runtimes.tensorflow_library import TracedCall, is_imported, tensor_spec, tensorflow
from rendezvous_models.runtimes.tensors import TensorSpec

_SIGNATURE: Final = "signature"
_TAGS: Final = "tags"
_DEFAULT: Final = "serving_default"


class SavedModelRuntime(TensorRuntime):
    """A SavedModel in an archive of its folder. Options beside those of tensors: signature, tags."""

    unpacks: ClassVar[bool] = True

    def open(self, artifact: Path) -> TensorModel:
        """Return the model in the folder *artifact*; raises ModelError."""
        options = TensorOptions(
            self.descriptor, known=(OUTPUTS, _SIGNATURE, _TAGS), named=(FIELDS, CONSTANT, MISSING)
        )
        library = tensorflow(self.descriptor.type)
        document = read_saved_model(artifact, options.names(_TAGS))
        name = options.text(_SIGNATURE, _DEFAULT)
        signature = _signature(document, name)
        inputs = [_spec(library, *each) for each in sorted(signature.inputs.items())]
        outputs = [_spec(library, *each) for each in sorted(signature.outputs.items())]
        chosen = options.names(OUTPUTS) or tuple(spec.name for spec in outputs)
        loaded = _load(library, document)
        call = _call(library, loaded, name, inputs, chosen)
        return TensorModel(inputs, outputs, options, call)

    def unload(self) -> None:
        """Let go of the model, and of the memory that its variables hold."""
        super().unload()
        gc.collect()  # functions and what they need are held in circles

    @property
    def starts_library(self) -> bool:
        """Whether TensorFlow is not imported yet."""
        return not is_imported()


def _load(library: Any, document: SavedModelDocument) -> Any:
    try:
        return library.saved_model.load(str(document.folder), tags=document.tags)
    except Exception as error:  # what it raises for a broken model depends on what is broken
        raise BadModelError(f"TensorFlow refuses the SavedModel: {type(error).__name__}: {error}") from error


def _signature(document: SavedModelDocument, name: str) -> Any:
    found = document.signatures.get(name)
    if found is None:
        names = ", ".join(sorted(document.signatures)) or "none"
        raise BadModelError(f"the SavedModel has no signature {name[:80]!r}; it has: {names}")
    return found


def _spec(library: Any, name: str, info: Any) -> TensorSpec:
    if info.WhichOneof("encoding") != "name":
        raise BadModelError(f"tensor {name!r} of the signature is sparse or ragged; fields fill dense ones")
    shape = info.tensor_shape
    sizes = None if shape.unknown_rank else [dim.size for dim in shape.dim]
    return tensor_spec(library, name, info.dtype, sizes)


def _call(
    library: Any, loaded: Any, name: str, inputs: Sequence[TensorSpec], outputs: Sequence[str]
) -> TracedCall:
    """Return the signature, traced once more: what is not asked for is not computed."""
    signature = loaded.signatures[name]
    names = [spec.name for spec in inputs]
    if missing := set(outputs) - set(signature.structured_outputs):
        raise BadModelError(f"the signature gives no {', '.join(sorted(missing))}")

    def call(*tensors: Any) -> list[Any]:
        found = signature(**dict(zip(names, tensors, strict=True)))
        return [found[output] for output in outputs]

    return TracedCall(library, call, inputs, keep=loaded)  # which holds the variables
