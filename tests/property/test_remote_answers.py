"""Whatever a remote server says, each row gets outputs that can travel, or a failure."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rendezvous_contracts.values import to_fields
from rendezvous_models.contract import Failure, Outputs, Row
from rendezvous_models.runtimes.remote_document import OpenInferenceHttpDocument, read_document
from rendezvous_models.runtimes.remote_mapping import TensorModel
from rendezvous_models.runtimes.remote_tensors import Filled, Signature
from rendezvous_models.runtimes.remote_types import DATATYPES
from scoring.v1.value_pb2 import Tensor

TYPES = st.sampled_from([*DATATYPES, "BF16", ""])
ELEMENTS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.binary(max_size=3)
)
VALUES = st.one_of(
    ELEMENTS,
    st.lists(st.floats(allow_nan=False), max_size=4).map(
        lambda numbers: Tensor(shape=[len(numbers)], numbers=numbers)
    ),
)


def _model(**document: Any) -> TensorModel:
    text = json.dumps({"url": "http://localhost", "model": "m", **document}).encode()
    signature = Signature("y", "FP32", (-1, -1))
    return TensorModel(read_document(OpenInferenceHttpDocument, text, {}), [signature], [signature])


@given(
    count=st.integers(1, 4),
    datatype=TYPES,
    shape=st.lists(st.integers(-1, 4), max_size=3),
    elements=st.lists(ELEMENTS, max_size=12),
    fields=st.integers(1, 3),
)
def test_an_answer_of_any_form_gives_each_row_something_that_travels(
    count: int, datatype: str, shape: list[int], elements: list[Any], fields: int
) -> None:
    outputs = [{"name": "y", "fields": [f"f{number}" for number in range(fields)]}]

    answers = _model(outputs=outputs).answers([Filled("y", datatype, tuple(shape), elements)], count)

    assert len(answers) == count
    for answer in answers:
        assert isinstance(answer, Failure) or to_fields(answer)


@given(rows=st.lists(st.dictionaries(st.sampled_from(["y", "z"]), VALUES), min_size=1, max_size=5))
def test_each_row_is_sent_once_or_fails_by_itself(rows: list[Row]) -> None:
    answers: list[Outputs | Failure | None] = [None] * len(rows)

    requests = list(_model(inputs=[{"name": "y"}]).requests(rows, answers))

    sent = sorted(place for each in requests for place in each.places)
    assert sent == [place for place, answer in enumerate(answers) if answer is None]
    for each in requests:
        (tensor,) = each.tensors
        assert tensor.shape[0] == len(each.places)
