"""
PMML models, by PMML4S in a JVM inside this process.

A batch is one call into the JVM: its rows go in as one array, a Java stream maps the evaluator over them,
and the outputs come back as one text or array; Python's lock is free meanwhile. Figures of this way and the
others: docs/decisions/0005-pmml-in-process.md.
"""

import atexit
import json
import math
from array import array
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, Final
from xml.etree.ElementTree import tostring

import jpype
import jpype.config
from pypmml import Model as PmmlModel
from pypmml import PMMLContext
from pypmml.jvm import PMMLError
from rendezvous_contracts.values import Plain
from scoring.v1.control_pb2 import Field, FieldType

from rendezvous_models.contract import Failure, Metadata, ModelRuntime, Outputs, Row, check_options
from rendezvous_models.errors import BadModelError, RuntimeUnavailableError
from rendezvous_models.runtimes.batches import judged, predict_apart
from rendezvous_models.runtimes.pmml_document import Limits, read_document
from rendezvous_models.runtimes.pmml_expressions import OTHER
from rendezvous_models.runtimes.pmml_fields import input_fields
from rendezvous_models.runtimes.pmml_repairs import Repaired, repair

_JVM_OPTIONS: Final = (
    "-Xrs",  # signals are the service's own
    "-XX:+UseSerialGC",  # collectors with threads of their own take the cores that score
    "-Djdk.xml.entityExpansionLimit=1",
    "-Djavax.xml.accessExternalDTD=",
    "-Djavax.xml.accessExternalSchema=",
)
_OUTPUT_TYPES: Final = {
    "double": FieldType.FIELD_TYPE_NUMBER,
    "float": FieldType.FIELD_TYPE_NUMBER,
    "integer": FieldType.FIELD_TYPE_INTEGER,
}
_NUMERIC: Final = frozenset(_OUTPUT_TYPES.values())


class PmmlRuntime(ModelRuntime):
    """A model in PMML 3 or 4, loaded from an XML document without a DOCTYPE."""

    _evaluator: "_Evaluator | None" = None

    def load(self, artifact: Path) -> None:
        """Load the document at *artifact*; raises BadModelError or RuntimeUnavailableError."""
        check_options(self.descriptor)  # there are none
        root = read_document(artifact.read_bytes(), Limits())
        fields = input_fields(root)
        repaired = repair(root)
        start_jvm(self.options.jvm_heap_mb)
        try:
            model = PmmlModel.fromString(tostring(root, encoding="unicode"))
            self._evaluator = _Evaluator(model, fields, repaired)
        except (PMMLError, jpype.JException, RecursionError) as error:
            raise BadModelError(f"the evaluator refuses the PMML document: {error}") from error

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Return the outputs of each row; NaN, infinity or nothing at all is a failure."""
        if self._evaluator is None:
            return [Failure("the model is not loaded")] * len(rows)
        return self._evaluator.predict(rows)

    def unload(self) -> None:
        """Let go of the model; the JVM stays, for there can be only one in the life of a process."""
        self._evaluator = None

    def metadata(self) -> Metadata:
        """Return the fields of the document's model."""
        if self._evaluator is None:
            raise BadModelError("the model is not loaded")
        return self._evaluator.metadata

    @property
    def ready(self) -> bool:
        """Whether it is loaded."""
        return self._evaluator is not None

    @property
    def starts_library(self) -> bool:
        """Whether there is no JVM yet."""
        return not jpype.isJVMStarted()


def start_jvm(heap_mb: int) -> None:
    """Start this process's JVM, unless it runs already; raises RuntimeUnavailableError."""
    if jpype.isJVMStarted():
        return
    # At the end of the process a JVM waits for the thread that started it: so that one must not stay.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="jvm-start") as starter:
        try:
            starter.submit(_start_and_leave, [f"-Xmx{heap_mb}m", *_JVM_OPTIONS]).result()
        except (jpype.JVMNotFoundException, jpype.JException, OSError) as error:
            reason = f"no JVM starts; install Java 17 or set JAVA_HOME: {error}"
            raise RuntimeUnavailableError(reason) from error


def _start_and_leave(options: list[str]) -> None:
    # Nothing in the JVM has to be put away, and its shutdown beside Python's was seen to crash processes that
    # had done all their work.
    jpype.config.onexit = False
    PMMLContext.getOrCreate(gateway="jpype", java_opts=options)
    atexit.register(_end_cleaner)


def _end_cleaner() -> None:
    """End JPype's thread that frees objects: one that comes while Python is ending aborts the process."""
    jpype.JClass("org.jpype.ref.JPypeReferenceQueue").getInstance().stop()
    jpype.java.lang.Thread.detach()


class _Evaluator:
    """A model in the JVM."""

    def __init__(self, model: PmmlModel, fields: Mapping[str, Field], repaired: Repaired) -> None:
        self._java_model = model._java_model  # noqa: SLF001 - pypmml offers single rows only
        self._inputs = tuple(map(str, self._java_model.inputNames()))
        self._outputs = tuple(map(str, self._java_model.outputNames()))
        self.metadata = Metadata(
            inputs=tuple(fields.get(name) or Field(name=name) for name in self._inputs),
            outputs=tuple(map(_output_field, self._java_model.outputFields())),
        )
        self._all_numbers = all(each.type in _NUMERIC for each in self.metadata.outputs)
        self._floats = tuple(each.type == FieldType.FIELD_TYPE_NUMBER for each in self.metadata.outputs)
        self._evaluate = _as_function(self._java_model)
        self._prepare = _Preparation(self.metadata.inputs, repaired)
        # Ranks that no rule has are empty, not wrong: the evaluator gives their numbers as NaN.
        self._ranked = str(self._java_model.modelElement().toString()) == "AssociationModel"
        self._alone = (
            Lock() if self._ranked else nullcontext()
        )  # the evaluator's rules are not for two threads

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        return predict_apart(rows, self._predict)

    def _predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        table = self._prepare.table(rows)
        with self._alone:
            return [judged(self._named(values)) for values in self._batch(table)]

    def _batch(self, table: list[list[Plain]]) -> list[list[Any]]:
        """Return the values of the outputs for each row of *table*."""
        if self._prepare.needs_names(table):
            return [self._by_name(values) for values in table]
        if len(table) == 1:  # without a stream, which costs as much as three rows
            return [[_plain(value) for value in self._java_model.predict(_to_java(table)[0])]]
        results = jpype.java.util.Arrays.stream(_to_java(table)).map(self._evaluate).toArray()
        if self._all_numbers:
            # Numbers in Java's notation are JSON: one text costs a sixth of fetching them one by one.
            read: list[list[Any]] = json.loads(str(jpype.java.util.Arrays.deepToString(results)))
            return read
        return [[_plain(value) for value in values] for values in results]

    def _by_name(self, values: list[Plain]) -> list[Any]:
        """Return the outputs for one row with gaps: in an array, a missing integer or flag is 0 or false."""
        row = jpype.java.util.HashMap()
        for name, value in zip(self._inputs, values, strict=True):
            if value is not None:
                row.put(name, _to_java([[value]])[0][0])
        result = self._java_model.predict(row)
        return [_plain(result.get(name)) for name in self._outputs]

    def _named(self, values: list[Any]) -> Outputs:
        """Return *values* under their names."""
        outputs: dict[str, Plain] = {}
        for name, value, as_float in zip(self._outputs, values, self._floats, strict=True):
            if self._ranked and isinstance(value, float) and math.isnan(value):
                outputs[name] = None
            else:
                outputs[name] = float(value) if as_float and value is not None else value
        return outputs


class _Preparation:
    """What rows need before the evaluator can take them."""

    def __init__(self, inputs: Sequence[Field], repaired: Repaired) -> None:
        self._names = tuple(each.name for each in inputs)
        self._floats = tuple(place for place, name in enumerate(self._names) if name in repaired.floats)
        self._texts = tuple(
            (place, repaired.texts[name]) for place, name in enumerate(self._names) if name in repaired.texts
        )
        kinds = (FieldType.FIELD_TYPE_INTEGER, FieldType.FIELD_TYPE_FLAG)
        self._typed = tuple(place for place, each in enumerate(inputs) if each.type in kinds)

    def table(self, rows: Sequence[Row]) -> list[list[Plain]]:
        """Return the values of *rows* in the order of the model's inputs."""
        names = self._names
        table = [[row.get(name) for name in names] for row in rows]
        if self._floats or self._texts:
            for values in table:
                self._fit(values)
        return table

    def _fit(self, values: list[Plain]) -> None:
        for place in self._floats:
            value = values[place]
            if isinstance(value, int | float):
                values[place] = array("f", (value,))[0]
        for place, known in self._texts:
            value = values[place]
            if isinstance(value, str) and value not in known:
                values[place] = OTHER

    def needs_names(self, table: list[list[Plain]]) -> bool:
        """Whether a value of *table* is missing that an array has no gap for."""
        return any(values[place] is None for place in self._typed for values in table)


def _to_java(table: list[list[Plain]]) -> Any:
    """Return *table* as an array of rows: of doubles where it can be, which is twice as fast."""
    try:
        return jpype.JArray(jpype.JDouble, 2)(table)
    except TypeError:
        return jpype.JArray(jpype.JObject, 2)(table)


def _as_function(java_model: Any) -> Any:
    """Return the model's predict, which takes one row as an array, as a java.util.function.Function."""
    invoke = jpype.java.lang.invoke
    row, result = jpype.java.lang.Object.class_, jpype.JArray(jpype.JObject).class_
    handle = invoke.MethodHandles.publicLookup().findVirtual(
        jpype.JClass("org.pmml4s.model.Model").class_, "predict", invoke.MethodType.methodType(result, row)
    )
    function = jpype.java.util.function.Function.class_
    return invoke.MethodHandleProxies.asInterfaceInstance(function, handle.bindTo(java_model))


def _output_field(java_field: Any) -> Field:
    kind = _OUTPUT_TYPES.get(str(java_field.dataType()), FieldType.FIELD_TYPE_TEXT)
    return Field(name=str(java_field.name()), type=kind, optional=True)


def _plain(value: Any) -> Plain:
    """Return a Java value as Python's own; dates and the like as text."""
    if value is None:
        return None
    if isinstance(value, jpype.java.lang.Boolean):  # before int: to Python it is one
        return bool(value)
    if isinstance(value, float):
        return float(value)
    return int(value) if isinstance(value, int) else str(value)
