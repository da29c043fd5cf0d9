"""The Open Inference protocol against the real HTTP application."""

import asyncio
from typing import Any

import pytest
from rendezvous_contracts.values import from_fields, to_fields
from rendezvous_gateway.tensors import write_outputs
from scoring.v1.control_pb2 import Field, FieldType
from scoring.v1.value_pb2 import Tensor

from tests.unit.gateway.support import WINE, declared, gateway

INFER = "/v2/models/wine/infer"


def tensor(name: str, datatype: str, shape: list[int], data: list[Any]) -> dict[str, object]:
    return {"name": name, "datatype": datatype, "shape": shape, "data": data}


def test_each_row_is_a_question_and_each_output_a_tensor() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo()
            inputs = [
                tensor("alcohol", "FP32", [2], [9, 9.5]),
                tensor("year", "INT32", [2, 1], [[2001], [2002]]),
                tensor("organic", "BOOL", [2], [True, False]),
                tensor("colour", "BYTES", [2], ["red", "white"]),
            ]
            body = {"id": "b", "inputs": inputs, "parameters": {"key": "k", "other": 1}}
            response = await running.client.post(INFER, json=body)
            answer = await response.json()
            assert (answer["id"], answer["model_name"], answer["model_version"]) == ("b", "wine", "1")
            assert answer["outputs"] == [tensor("quality", "FP64", [2], [6.5, 6.5])]
            assert [each["id"] for each in answer["parameters"]["provenance"]] == ["b/0", "b/1"]
            assert {each["source"] for each in answer["parameters"]["provenance"]} == {"model"}
            first, second = running.log.requests()
            assert (first.id, first.key, second.id) == ("b/0", "k", "b/1")
            assert from_fields(first.fields) == {
                "alcohol": 9.0,
                "year": 2001,
                "organic": True,
                "colour": "red",
            }
            again = await running.client.post(INFER, json=body)
            assert (await again.json()) == answer
            assert len(running.log.sends) == 2

    asyncio.run(scenario())


def test_one_row_keeps_the_id_of_the_request_and_tensor_rows_become_tensors() -> None:
    async def scenario() -> None:
        route = declared(Field(name="image", type=FieldType.FIELD_TYPE_TENSOR))
        async with gateway(route) as running:
            running.echo()
            body = {"inputs": [tensor("image", "FP64", [1, 2, 2], [[[1, 2], [3, 4]]])]}
            response = await running.client.post(INFER, json=body, headers={"X-Request-Id": "one"})
            assert (await response.json())["id"] == "one"
            (request,) = running.log.requests()
            assert request.id == "one"
            assert from_fields(request.fields) == {"image": Tensor(shape=[2, 2], numbers=[1, 2, 3, 4])}

    asyncio.run(scenario())


def test_outputs_can_be_chosen_and_an_unknown_one_is_refused() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo(outputs=to_fields({"a": 1.0, "b": 2.0}))
            body = {"inputs": [tensor("x", "FP64", [1], [1])], "outputs": [{"name": "b"}]}
            answer = await (await running.client.post(INFER, json=body)).json()
            assert [each["name"] for each in answer["outputs"]] == ["b"]
            body["outputs"] = [{"name": "c"}]
            response = await running.client.post(INFER, json=body)
            problem = await response.json(content_type=None)
            assert (response.status, problem["error"]) == (
                400,
                "outputs: there is no output 'c'; there are a, b",
            )

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("values", "datatype", "shape", "data"),
    [
        ([1, 2], "INT64", [2], [1, 2]),
        ([1, 2.5], "FP64", [2], [1, 2.5]),
        ([True, False], "BOOL", [2], [True, False]),
        (["a", None], "BYTES", [2], ["a", None]),
        ([1.5, None], "FP64", [2], [1.5, None]),
        (["a", 1.5, True], "BYTES", [3], ["a", "1.5", "true"]),
        ([b"ab"], "BYTES", [1], ["YWI="]),
        (
            [Tensor(shape=[2], numbers=[1, 2]), Tensor(shape=[2], numbers=[3, 4])],
            "FP64",
            [2, 2],
            [1, 2, 3, 4],
        ),
    ],
)
def test_outputs_of_several_rows_make_one_tensor(
    values: list[object], datatype: str, shape: list[int], data: list[object]
) -> None:
    rows = [to_fields({"y": value}) for value in values]
    assert write_outputs(rows, ()) == [tensor("y", datatype, shape, data)]


def test_an_output_that_a_row_does_not_have_is_null() -> None:
    rows = [to_fields({"quality": 5.6}), to_fields({"quality": 6, "risk": 0.1})]
    assert [each["data"] for each in write_outputs(rows, ())] == [[5.6, 6], [None, 0.1]]


def test_a_route_is_described_as_a_model() -> None:
    async def scenario() -> None:
        fields = [Field(name="alcohol", type=FieldType.FIELD_TYPE_NUMBER), Field(name="colour", type=4)]  # type: ignore[arg-type] # an enum's number
        async with gateway(declared(*fields)) as running:
            response = await running.client.get("/v2/models/wine")
            assert await response.json() == {
                "name": "wine",
                "versions": ["1"],
                "platform": "rendezvous",
                "inputs": [
                    {"name": "alcohol", "datatype": "FP64", "shape": [-1]},
                    {"name": "colour", "datatype": "BYTES", "shape": [-1]},
                ],
                "outputs": [{"name": "quality", "datatype": "FP64", "shape": [-1]}],
            }
            assert (await running.client.get("/v2/models/beer")).status == 404

    asyncio.run(scenario())


def test_readiness_says_what_is_waited_for() -> None:
    async def scenario() -> None:
        async with gateway(WINE, partitions=()) as running:
            assert (await running.client.get("/v2/health/live")).status == 200
            for path in ("/v2/health/ready", "/v2/models/wine/ready"):
                response = await running.client.get(path)
                assert (response.status, (await response.json())["detail"]) == (503, "no partitions")
            running.exchange.desk.own({0})
            for path in ("/v2/health/ready", "/v2/models/wine/ready"):
                assert (await (await running.client.get(path)).json())["ready"]

    asyncio.run(scenario())
