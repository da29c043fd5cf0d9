import math

import pytest
from rendezvous_contracts.values import from_fields, to_fields
from scoring.v1.control_pb2 import (
    AddModel,
    ApproveModel,
    Compute,
    Field,
    FieldType,
    OneHot,
    RemoveModel,
    Scale,
    Select,
    Step,
)
from scoring.v1.request_pb2 import Request
from scoring.v1.value_pb2 import Fields, Tensor, Value

from tests.support.control import model
from tests.support.digests import request_digest
from tests.unit.feature_extractor.support import (
    NOW,
    SLA_US,
    WINE,
    Log,
    extractor,
    handled,
    input_of,
    record,
    request,
)

STEPS = (
    Step(scale=Scale(field="alcohol", offset=9, factor=0.5)),
    Step(compute=Compute(field="sulfur", expression="'free sulfur' / pH")),
    Step(select=Select(fields=["alcohol", "sulfur"])),
)


@pytest.fixture
def log() -> Log:
    log = Log()
    log.set_route()
    return log


def test_an_input_carries_the_request_and_all_its_stamps(log: Log) -> None:
    asked = request(budget_us=50_000, key="customer-7", model="wine-forest@1")

    found = input_of(extractor(log), record(asked, key=b"r-1", partition=2, offset=41))

    assert (found.id, found.route, found.revision, found.extractor) == ("r-1", "wine", 1, "wine-features")
    assert (found.sent_at_us, found.budget_us, found.extracted_at_us) == (NOW.wall, 50_000, NOW.wall)
    assert (found.key, found.model, found.request_offset) == ("customer-7", "wine-forest@1", 41)
    assert found.digest == request_digest(asked)
    assert found.request == asked
    assert from_fields(found.features) == WINE
    assert found.problem == ""
    assert found.model_problem == "it is not registered"


def test_a_pinned_model_is_judged_by_the_control_state_of_the_stamp() -> None:
    log = Log()
    log.change(AddModel(model=model("forest", "1")))
    log.set_route()
    handler = extractor(log)
    asked = request(model="forest@1")
    assert input_of(handler, record(asked)).model_problem == ""
    log.change(RemoveModel(name="forest", version="1"))
    assert input_of(handler, record(asked)).model_problem == "it was removed"


def test_a_request_gets_around_no_approval() -> None:
    log = Log()
    log.change(AddModel(model=model("forest", "1")))
    log.set_route(requires_approval=True)
    handler = extractor(log)
    asked = request(model="forest@1")
    refused = input_of(handler, record(asked))
    assert refused.model_problem == "route wine asks for approval and it has none"
    log.change(ApproveModel(name="forest", version="1"), author="bob")
    assert input_of(handler, record(asked)).model_problem == ""


@pytest.mark.parametrize(
    ("held", "own", "key"),
    [
        ("c-7", "", "c-7"),
        (7, "", "7"),
        (True, "", "True"),
        (1.5, "", "1.5"),
        ("c-7", "mine", "mine"),
        (None, "", ""),
        (b"c", "", ""),
    ],
)
def test_a_route_s_key_field_is_the_key_of_a_request_without_one(held: object, own: str, key: str) -> None:
    log = Log()
    log.set_route(inputs=(Field(name="customer", optional=True),), key="customer")

    found = input_of(extractor(log), record(request(fields={"customer": held}, key=own)))

    assert found.key == key


def test_a_request_that_leaves_the_key_field_out_has_no_key() -> None:
    log = Log()
    log.set_route(
        inputs=(Field(name="customer", optional=True), Field(name="a", optional=True)), key="customer"
    )

    assert input_of(extractor(log), record(request(fields={"a": 1}))).key == ""


def test_an_input_stays_in_the_partition_of_its_request_under_its_id(log: Log) -> None:
    send = handled(extractor(log), record(request(), partition=3))

    assert (send.topic, send.partition, send.key) == ("inputs", 3, b"r-1")


@pytest.mark.parametrize(
    ("asked", "effective"), [(0, SLA_US), (1, 1), (SLA_US, SLA_US), (SLA_US + 1, SLA_US)]
)
def test_a_budget_only_tightens_the_sla(log: Log, asked: int, effective: int) -> None:
    assert input_of(extractor(log), record(request(budget_us=asked))).budget_us == effective


STAMPS = {
    "none: the record's own counts": (0, NOW.wall),
    "one from the past stays": (NOW.wall - 10_000_000, NOW.wall - 10_000_000),
    "one ahead by up to the SLA stays": (NOW.wall + SLA_US, NOW.wall + SLA_US),
    "one further ahead counts as now": (NOW.wall + SLA_US + 1, NOW.wall),
    "one out of all time counts as now": (2**64 - 1, NOW.wall),
}


@pytest.mark.parametrize(("sent_at", "expected"), STAMPS.values(), ids=STAMPS)
def test_the_stamp_of_a_request(log: Log, sent_at: int, expected: int) -> None:
    assert input_of(extractor(log), record(request(sent_at_us=sent_at))).sent_at_us == expected


def test_declared_steps_make_the_features() -> None:
    log = Log()
    log.set_route(*STEPS)

    found = input_of(extractor(log), record(request()))

    assert from_fields(found.features) == pytest.approx({"alcohol": 0.8, "sulfur": 11 / 3.5})
    assert from_fields(found.request.fields) == WINE


def test_a_step_without_a_result_is_a_problem_that_names_step_and_field() -> None:
    log = Log()
    log.set_route(*STEPS)

    found = input_of(extractor(log), record(request(fields={**WINE, "pH": 0.0})))

    assert found.problem == "step 2 (compute): field 'sulfur' has no value: division by zero"
    assert not found.HasField("features")
    assert (found.revision, found.budget_us) == (1, SLA_US)
    assert found.request.id == "r-1"


def test_an_unknown_route_is_revision_0_with_its_problem(log: Log) -> None:
    found = input_of(extractor(log), record(request(route="beer")))

    assert (found.route, found.revision, found.budget_us) == ("beer", 0, 0)
    assert found.problem == "there is no route 'beer'"
    assert not found.HasField("features")


ALCOHOL = Field(name="alcohol", type=FieldType.FIELD_TYPE_NUMBER, minimum=0)
NOTE = Field(name="note", type=FieldType.FIELD_TYPE_TEXT, optional=True)
VIOLATIONS: list[tuple[dict[str, object], str]] = [
    ({}, "request: alcohol: expected a number of at least 0, got nothing"),
    ({"alcohol": "high"}, "request: alcohol: expected a number of at least 0, got text 'high'"),
    ({"alcohol": -1.0}, "request: alcohol: expected a number of at least 0, got number -1.0"),
    ({"alcohol": 9.4, "ph": 3}, "request: ph: expected only the declared fields (alcohol, note)"),
]


@pytest.mark.parametrize(("fields", "problem"), VIOLATIONS)
def test_a_request_straight_from_the_log_is_held_to_the_declared_fields(
    fields: dict[str, object], problem: str
) -> None:
    log = Log()
    log.set_route(inputs=(ALCOHOL, NOTE))
    asked = request()
    asked.fields.CopyFrom(to_fields(fields))

    found = input_of(extractor(log), record(asked))

    assert found.problem.startswith(problem)
    assert not found.HasField("features")


def test_declared_fields_that_fit_pass_through() -> None:
    log = Log()
    log.set_route(inputs=(ALCOHOL, NOTE))

    found = input_of(extractor(log), record(request(fields={"alcohol": 9})))

    assert (found.problem, from_fields(found.features)) == ("", {"alcohol": 9})


BAD_VALUES = [
    Value(number=math.nan),
    Value(number=math.inf),
    Value(tensor=Tensor(shape=[1], numbers=[math.nan])),
    Value(tensor=Tensor(shape=[2], numbers=[1.0])),
]


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_value_that_is_no_number_does_not_pass_even_where_nothing_is_declared(
    log: Log, value: Value
) -> None:
    asked = request()
    asked.fields.CopyFrom(Fields(values={"x": value}))

    found = input_of(extractor(log), record(asked))

    assert found.problem == "request: x: expected finite numbers in a fitting shape"


@pytest.mark.parametrize(
    ("stamp", "value", "problem"),
    [
        ("model", "wine-forest", "request: model: 'wine-forest': a model is named name@version"),
        ("key", "k" * 257, "request: key has 257 characters; at most 256 are allowed"),
    ],
)
def test_a_head_that_no_one_can_use_is_a_problem(log: Log, stamp: str, value: str, problem: str) -> None:
    asked = request()
    setattr(asked, stamp, value)

    found = input_of(extractor(log), record(asked))

    assert found.problem.startswith(problem)
    assert (found.model, found.key) == ("", "")


def test_an_input_that_no_broker_would_take_becomes_one_with_a_problem() -> None:
    log = Log()
    log.set_route(Step(one_hot=OneHot(field="note", categories=["x" * 40_000])))
    asked = request(fields={"note": "x" * 40_000})

    send = handled(extractor(log, max_bytes=100_000), record(asked))
    found = extractor(log, max_bytes=10_000)

    assert len(send.value) < 100_000
    small = input_of(found, record(asked))
    assert small.problem.startswith("the input would have ")
    assert small.revision == 1
    assert not small.HasField("request")


@pytest.mark.parametrize("route", ["r" * 500_000, "Wine!", ""])
def test_a_route_that_no_route_can_be_called_is_unknown_and_bounded(log: Log, route: str) -> None:
    send = handled(extractor(log, max_bytes=10_000), record(request(route=route)))

    assert send.topic == "inputs"
    assert len(send.value) < 10_000


def test_problems_are_bounded(log: Log) -> None:
    log.set_route(inputs=(ALCOHOL,))

    found = input_of(extractor(log), record(request(fields={"x" * 5_000: 1.0})))

    assert 0 < len(found.problem) <= 1_000


def test_an_empty_request_passes_through_as_no_features(log: Log) -> None:
    found = input_of(extractor(log), record(Request(id="r-1", route="wine")))

    assert (found.problem, dict(found.features.values)) == ("", {})
