import json

import pytest
from rendezvous_models.contract import Failure, Outputs, Row
from rendezvous_models.errors import BadModelError
from rendezvous_models.runtimes.remote_document import OpenInferenceHttpDocument, read_document
from rendezvous_models.runtimes.remote_mapping import Request, TensorModel
from rendezvous_models.runtimes.remote_tensors import Filled, Signature
from scoring.v1.control_pb2 import FieldType
from scoring.v1.value_pb2 import Tensor

TRITON: dict[str, object] = {"url": "http://triton:8000", "model": "wine"}
X = Signature("x", "FP32", (-1, 2))
TOTAL = Signature("total", "FP64", (-1, 1))


def _mapped(
    inputs: list[Signature], gives: list[Signature] | None = None, /, **document: object
) -> TensorModel:
    values = json.dumps(TRITON | document).encode()
    return TensorModel(read_document(OpenInferenceHttpDocument, values, {}), inputs, gives or [TOTAL])


def _requests(model: TensorModel, rows: list[Row]) -> tuple[list[Request], list[Outputs | Failure | None]]:
    answers: list[Outputs | Failure | None] = [None] * len(rows)
    return list(model.requests(rows, answers)), answers


AB = [{"name": "x", "fields": ["a", "b"]}]


def test_rows_become_one_tensor_of_their_fields_in_order() -> None:
    (request,), answers = _requests(_mapped([X], inputs=AB), [{"a": 1.0, "b": 2}, {"b": 4.0, "a": 3.0}])

    assert request == Request([0, 1], [Filled("x", "FP32", (2, 2), [1.0, 2, 3.0, 4.0])])
    assert answers == [None, None]


def test_without_a_mapping_each_tensor_is_the_field_of_its_name() -> None:
    model = _mapped([Signature("x", "FP32", (-1, 2)), Signature("n", "INT64", (-1,))])
    tensor = Tensor(shape=[2], numbers=[1.0, 2.0])

    (request,), _ = _requests(model, [{"x": tensor, "n": 7}])

    assert request.tensors == [Filled("x", "FP32", (1, 2), [1.0, 2.0]), Filled("n", "INT64", (1,), [7])]
    assert [(each.name, each.type) for each in model.metadata().inputs] == [
        ("x", FieldType.FIELD_TYPE_TENSOR),
        ("n", FieldType.FIELD_TYPE_INTEGER),
    ]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"a": 1.0}, "b: expected FP32, got nothing"),
        ({"a": 1.0, "b": "x"}, "b: expected FP32, got text 'x'"),
        ({"a": 1.0, "b": True}, "b: expected FP32, got flag true"),
        ({"a": 1.0, "b": 1e39}, "b: expected FP32, got number 1e+39"),
        ({"a": float("nan"), "b": 1.0}, "a: expected FP32, got number nan"),
        ({"a": 1.0, "b": Tensor(shape=[2], numbers=[1, 2])}, "3 elements do not make input x of shape [2]"),
    ],
)
def test_a_row_that_does_not_fit_is_not_sent_and_the_others_are(row: Row, reason: str) -> None:
    (request,), answers = _requests(_mapped([X], inputs=AB), [row, {"a": 1.0, "b": 2.0}])

    assert request.places == [1]
    failure = answers[0]
    assert isinstance(failure, Failure)
    assert reason in failure.reason


@pytest.mark.parametrize(
    ("datatype", "value", "fits"),
    [
        ("INT8", 127, True),
        ("INT8", 128, False),
        ("UINT8", -1, False),
        ("UINT64", 2**63 - 1, True),
        ("INT64", 1.0, False),
        ("FP16", 65_504.0, True),
        ("FP16", 65_505.0, False),
        ("FP64", -1e308, True),
        ("BOOL", True, True),
        ("BOOL", 1, False),
        ("BYTES", "text", True),
        ("BYTES", b"\xff", True),
        ("BYTES", 1, False),
        ("INT32", Tensor(shape=[1], numbers=[4.0]), True),
        ("INT32", Tensor(shape=[1], numbers=[4.5]), False),
    ],
)
def test_an_element_has_to_fit_its_type(datatype: str, value: object, fits: bool) -> None:
    requests, answers = _requests(_mapped([Signature("v", datatype, (-1, 1))]), [{"v": value}])  # type: ignore[dict-item]

    assert (len(requests) == 1, answers[0] is None) == (fits, fits)


def test_no_request_has_more_rows_than_the_server_or_the_document_allows() -> None:
    rows: list[Row] = [{"a": 1.0, "b": 2.0}] * 5

    by_document, _ = _requests(_mapped([X], inputs=AB, max_batch=2), rows)
    by_server, _ = _requests(_mapped([Signature("x", "FP32", (1, 2))], inputs=AB), rows)
    unbatched, _ = _requests(_mapped([Signature("x", "FP32", (2,))], inputs=AB, batched=False), rows)

    assert [len(each.places) for each in by_document] == [2, 2, 1]
    assert [len(each.places) for each in by_server] == [1] * 5
    assert [each.tensors[0].shape for each in unbatched] == [(2,)] * 5


def test_rows_of_different_shapes_go_in_different_requests() -> None:
    model = _mapped([Signature("x", "FP32", (-1, -1))])
    rows: list[Row] = [{"x": Tensor(shape=[size], numbers=[0.0] * size)} for size in (1, 2, 1)]

    requests, _ = _requests(model, rows)

    assert [(each.places, each.tensors[0].shape) for each in requests] == [([0, 2], (2, 1)), ([1], (1, 2))]


@pytest.mark.parametrize(
    ("signatures", "document", "reason"),
    [
        ([X], {"inputs": [{"name": "y"}]}, "inputs.0.name: the server's model has no y; it declares x"),
        (
            [X],
            {"inputs": [{"name": "x", "datatype": "FP64"}]},
            "inputs.0.datatype: FP64, but the server says FP32",
        ),
        ([X], {"inputs": [{"name": "x", "shape": [3]}]}, "inputs.0.shape: [3], but the server says [2]"),
        ([X], {"outputs": [{"name": "sum"}]}, "outputs.0.name: the server's model has no sum"),
        ([X, TOTAL], {"inputs": AB}, "inputs: nothing is said of total"),
        ([Signature("x", "BF16", (-1, 2))], {}, "inputs.0: x is of type BF16, which is not one of"),
        ([Signature("x", "FP32", (8, 2))], {}, "takes exactly 8 rows"),
        ([Signature("x", "FP32", ())], {}, "has no dimension for rows"),
        ([], {}, "inputs: the server declares none"),
    ],
)
def test_a_document_that_the_server_does_not_agree_with_is_refused(
    signatures: list[Signature], document: dict[str, object], reason: str
) -> None:
    with pytest.raises(BadModelError) as refused:
        _mapped(signatures, **document)

    assert reason in str(refused.value)


def test_what_the_server_does_not_declare_is_said_in_the_document() -> None:
    said = [{"name": "x", "datatype": "FP32", "shape": [2], "fields": ["a", "b"]}]
    document = json.dumps(TRITON | {"inputs": said, "outputs": [{"name": "predict"}]}).encode()
    model = TensorModel(read_document(OpenInferenceHttpDocument, document, {}), [], [])

    (request,), _ = _requests(model, [{"a": 1.0, "b": 2.0}])

    assert request.tensors == [Filled("x", "FP32", (1, 2), [1.0, 2.0])]
    assert model.answers([Filled("predict", "INT64", (1, 1), [7])], 1) == [{"predict": 7}]
    assert [each.type for each in model.metadata().outputs] == [FieldType.FIELD_TYPE_UNSPECIFIED]


def test_without_a_type_nothing_can_be_sent_to_a_server_that_declares_none() -> None:
    with pytest.raises(BadModelError, match=r"inputs\.0\.datatype: the server declares no inputs"):
        _mapped([], inputs=AB)


def _answers(tensor: Filled, count: int, **document: object) -> list[Outputs | Failure]:
    signature = Signature("y", "FP32", (-1, -1))
    return _mapped([X], [signature], **document).answers([tensor], count)


def test_one_element_is_a_value_more_are_a_tensor_and_named_ones_are_fields() -> None:
    two = Filled("y", "FP32", (2, 2), [1.0, 2.0, 3.0, 4.0])
    fields = [{"name": "y", "fields": ["p", "q"]}]

    assert _answers(Filled("y", "FP32", (2, 1), [1.0, 2.0]), 2) == [{"y": 1.0}, {"y": 2.0}]
    assert _answers(two, 2)[1] == {"y": Tensor(shape=[2], numbers=[3.0, 4.0])}
    assert _answers(two, 2, outputs=fields) == [{"p": 1.0, "q": 2.0}, {"p": 3.0, "q": 4.0}]


def test_a_number_that_is_none_fails_its_own_row() -> None:
    values = [1.0, float("nan"), float("-inf"), None, True, 10**400]

    first, *others = _answers(Filled("y", "FP32", (6, 1), values), 6)

    assert first == {"y": 1.0}
    assert all(isinstance(each, Failure) and "output y is " in each.reason for each in others), others


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (Filled("z", "FP32", (2, 1), [1.0, 2.0]), "the server gave no output y, but z"),
        (Filled("y", "FP32", (1, 1), [1.0]), "output y has shape [1, 1] for 2 rows"),
        (Filled("y", "FP32", (2, 1), [1.0]), "output y has 1 elements for shape [2, 1]"),
        (Filled("y", "FP32", (2, 0), []), "output y is empty"),
        (Filled("y", "FP32", (-2, -1), [1.0, 2.0]), "output y has 2 elements for shape"),
        (Filled("y", "FP32", (), [1.0]), "output y has shape [] for 2 rows"),
        (Filled("y", "COMPLEX", (2,), [1.0, 2.0]), "output y is of type 'COMPLEX', which is not read"),
        (Filled("y", "BYTES", (2, 2), [b"a"] * 4), "name a field for each"),
    ],
)
def test_an_answer_of_another_form_fails_its_rows_with_the_reason(tensor: Filled, reason: str) -> None:
    answers = _answers(tensor, 2)

    assert all(isinstance(each, Failure) and reason in each.reason for each in answers), answers
