"""How `model check` says what it found: tables for people, one object per line for programs."""

import json
import sys
from base64 import b64encode
from collections.abc import Iterable, Sequence
from statistics import median

from rendezvous_contracts.policy_fields import TYPE_NAMES
from rendezvous_contracts.values import Plain
from rendezvous_models.contract import Outputs
from rendezvous_models.gate import Passage
from rendezvous_models.warmup import BATCH
from scoring.v1.control_pb2 import Field
from scoring.v1.value_pb2 import Tensor

from rendezvous_cli.model_check_score import Refusal, RowResult, Timing
from rendezvous_cli.terminal import Output, Row, note, show_rows

_COLUMNS = ("field", "type", "optional", "minimum", "maximum", "categories")


def show_fields(inputs: Iterable[Field], outputs: Iterable[Field]) -> None:
    """Write the tables of the fields and the outputs."""
    for title, fields in (("input", inputs), ("output", outputs)):
        rows = [_field_row(title, field) for field in fields]
        show_rows(rows, (title, *_COLUMNS[1:]), Output.TABLE, empty=f"the model declares no {title}s")


def _field_row(title: str, field: Field) -> Row:
    return {
        title: field.name,
        "type": TYPE_NAMES.get(field.type, "any"),
        "optional": "yes" if field.optional else "",
        "minimum": field.minimum if field.HasField("minimum") else None,
        "maximum": field.maximum if field.HasField("maximum") else None,
        "categories": ", ".join(field.categories),
    }


def show_results(results: Sequence[RowResult]) -> None:
    """Write the table of the rows."""
    names = dict.fromkeys(
        name for each in results if not isinstance(each.result, Refusal) for name in each.result
    )
    columns = ["row", *names, *(["error"] if any(map(is_refused, results)) else [])]
    show_rows([_result_row(each) for each in results], columns, Output.TABLE, empty="there are no rows")


def _result_row(each: RowResult) -> Row:
    if isinstance(each.result, Refusal):
        return {"row": each.number, "error": each.result.message}
    return {"row": each.number} | {name: _plain(value) for name, value in each.result.items()}


def is_refused(each: RowResult) -> bool:
    """Whether the row has no outputs."""
    return isinstance(each.result, Refusal)


def write_line(each: RowResult) -> None:
    """Write one row as one line of JSON."""
    result = each.result
    said = {"error": _error(result)} if isinstance(result, Refusal) else {"outputs": _outputs(result)}
    line = json.dumps({"row": each.number} | said, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(line + "\n")


def _outputs(outputs: Outputs) -> dict[str, object]:
    return {name: _plain(value) for name, value in outputs.items()}


def _error(refusal: Refusal) -> dict[str, object]:
    fields = [{"field": name, "expected": expected, "got": got} for name, expected, got in refusal.fields]
    return {"kind": refusal.kind, "message": refusal.message} | ({"fields": fields} if fields else {})


def _plain(value: Plain) -> object:
    if isinstance(value, Tensor):
        return {"shape": list(value.shape), "numbers": list(value.numbers)}
    return b64encode(value).decode() if isinstance(value, bytes) else value


def say_passage(passage: Passage) -> None:
    """Say how long a warm model takes for a row, or why nobody knows."""
    if passage.unproved:
        note(
            f"not warmed up and not measured, for a row that was made up failed: {passage.unproved}; "
            "with golden records it would be"
        )
        return
    row_us, batched_row_us = passage.latency
    note(
        f"latency, warm: a row alone {row_us:.0f} us; a batch of {BATCH} {batched_row_us * BATCH:.0f} us, "
        f"{batched_row_us:.1f} us a row"
    )


def say_timing(timing: Timing) -> None:
    """Say how long the records took."""
    if timing.rows:
        total = sum(timing.batches_us)
        note(
            f"records: {timing.rows} rows in {len(timing.batches_us)} batches, "
            f"{total / timing.rows:.1f} us a row, {median(timing.batches_us):.0f} us a batch"
        )
