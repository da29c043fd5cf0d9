"""Everything that a caller can get wrong, and what is said to it."""

from typing import NamedTuple

from scoring.v1.control_pb2 import Field, FieldType, Route

from tests.unit.gateway.support import WINE, declared

NUMBER = FieldType.FIELD_TYPE_NUMBER
ASK = "/v1/routes/wine/ask"
INFER = "/v2/models/wine/infer"
OUTCOMES = "/v1/routes/wine/outcomes"
BUDGET = "X-Rendezvous-Budget-Ms"
JSON = {"Content-Type": "application/json"}
STRICT = declared(
    Field(name="alcohol", type=NUMBER, minimum=0, maximum=20),
    Field(name="year", type=FieldType.FIELD_TYPE_INTEGER, optional=True),
    Field(name="colour", type=FieldType.FIELD_TYPE_TEXT, categories=["red", "white"]),
    Field(name="organic", type=FieldType.FIELD_TYPE_FLAG, optional=True),
    Field(name="label", type=FieldType.FIELD_TYPE_BLOB, optional=True),
    Field(name="spectrum", type=FieldType.FIELD_TYPE_TENSOR, optional=True),
)
GOOD = {"alcohol": 9.4, "colour": "red"}


class Case(NamedTuple):
    code: str
    says: str
    body: bytes | object
    field: str = ""
    path: str = ASK
    headers: dict[str, str] = JSON
    routes: tuple[Route, ...] = (STRICT,)
    method: str = "POST"


def fields(**changes: object) -> dict[str, object]:
    return {"fields": {name: value for name, value in (GOOD | changes).items() if value is not ...}}


def raw(text: str) -> bytes:
    return b'{"fields": {"colour": "red", "alcohol": ' + text.encode() + b"}}"


def tensors(**changes: object) -> dict[str, list[dict[str, object]]]:
    colour: dict[str, object] = {
        "name": "colour",
        "shape": [2],
        "datatype": "BYTES",
        "data": ["red", "white"],
    }
    alcohol = {"name": "alcohol", "shape": [2, 1], "datatype": "FP64", "data": [9.4, 11]} | changes
    return {"inputs": [colour, alcohol]}


CASES = {
    "nothing": Case("malformed-json", "Expecting value at line 1, column 1", b""),
    "broken": Case("malformed-json", "at line 2, column 13", b'{"fields":\n {"alcohol" 9}}'),
    "not UTF-8": Case("malformed-json", "byte 2 of the body", b'"\xff"'),
    "cut off": Case("malformed-json", "line 1, column", b'{"fields": {"alcohol": 9'),
    "NaN": Case("malformed-json", "NaN at line 1, column 41", raw("NaN")),
    "infinity": Case("malformed-json", "-Infinity at line 1, column 41", raw("-Infinity")),
    "key twice": Case("malformed-json", "'alcohol' is given twice", raw('1, "alcohol": 2')),
    "depth bomb": Case("malformed-json", "nested too deep", b"[" * 100_000),
    "deep objects": Case("malformed-json", "nested too deep", b'{"a":' * 30_000),
    "digits": Case("malformed-json", "thousands of digits", raw("9" * 5_000)),
    "array": Case("bad-document", "expected a JSON object, got an array", b"[1]"),
    "number": Case("bad-document", "got a number", b"5"),
    "no fields": Case("bad-document", "fields is missing", {}, "fields"),
    "fields are text": Case("bad-document", "fields has to be a JSON object", {"fields": "x"}, "fields"),
    "unknown member": Case("bad-document", "no member 'feilds'", {"feilds": {}}, "feilds"),
    "id is a number": Case("bad-document", "id has to be a text", fields() | {"id": 5}, "id"),
    "half a surrogate": Case("bad-document", "surrogate", fields() | {"key": "\ud800"}),
    "missing": Case(
        "bad-field", "alcohol: expected a number from 0 to 20, got nothing", fields(alcohol=...), "alcohol"
    ),
    "null": Case(
        "bad-field", "alcohol: expected a number from 0 to 20, got nothing", fields(alcohol=None), "alcohol"
    ),
    "text for number": Case(
        "bad-field",
        "alcohol: expected a number from 0 to 20, got text '9.4'",
        fields(alcohol="9.4"),
        "alcohol",
    ),
    "flag for number": Case("bad-field", "got flag true", fields(alcohol=True), "alcohol"),
    "too small": Case("bad-field", "from 0 to 20, got number -0.1", fields(alcohol=-0.1), "alcohol"),
    "too large": Case("bad-field", "from 0 to 20, got integer 21", fields(alcohol=21), "alcohol"),
    "overflow": Case("bad-field", "got number inf", raw("1e999"), "alcohol"),
    "65 bits": Case("bad-field", "more than 64 bits", raw(str(2**63)), "alcohol"),
    "number for integer": Case(
        "bad-field", "year: expected an integer or nothing, got number 1.5", fields(year=1.5), "year"
    ),
    "category": Case(
        "bad-field",
        "colour: expected a text out of red, white, got text 'blue'",
        fields(colour="blue"),
        "colour",
    ),
    "number for flag": Case(
        "bad-field", "organic: expected a flag (true or false) or nothing", fields(organic=1), "organic"
    ),
    "not base64": Case("bad-field", "label: expected bytes in base64", fields(label="%%"), "label"),
    "nested object": Case("bad-field", "got a dict", fields(alcohol={"a": 1}), "alcohol"),
    "array for number": Case("bad-field", "got a tensor of shape [2]", fields(alcohol=[1, 2]), "alcohol"),
    "ragged tensor": Case(
        "bad-field", "rows of different length", fields(spectrum=[[1, 2], [3]]), "spectrum"
    ),
    "tensor of texts": Case("bad-field", "other values among them", fields(spectrum=[1, "a"]), "spectrum"),
    "extra field": Case(
        "bad-field", "sugar: expected only the declared fields (alcohol, year", fields(sugar=1), "sugar"
    ),
    "nested, undeclared": Case(
        "bad-field", "a: expected a finite number", {"fields": {"a": {}}}, "a", routes=(WINE,)
    ),
    "65 bits, undeclared": Case("bad-field", "a: expected", {"fields": {"a": 2**64}}, "a", routes=(WINE,)),
    "unknown route": Case("unknown-route", "no route 'beer'", fields(), "route", "/v1/routes/beer/ask"),
    "no route at all": Case("unknown-route", "no route 'wine'", fields(), "route", routes=()),
    "odd route": Case("unknown-route", "no route", fields(), "route", "/v1/routes/%2e%2e%0a/ask"),
    "bad id": Case("bad-id", "printable ASCII", fields() | {"id": "a b"}, "id"),
    "long id": Case("bad-id", "1 to 128", fields() | {"id": "x" * 129}, "id"),
    "two ids": Case(
        "bad-id", "different ids", fields() | {"id": "a"}, "id", headers=JSON | {"X-Request-Id": "b"}
    ),
    "two id headers": Case(
        "bad-id", "different ids", fields(), headers=JSON | {"X-Request-Id": "b", "Idempotency-Key": "c"}
    ),
    "bad model": Case("bad-model", "name@version", fields() | {"model": "forest"}, "model"),
    "bad model in the header": Case(
        "bad-model", "name@version", fields(), "model", headers=JSON | {"X-Rendezvous-Model": "forest"}
    ),
    "two models": Case(
        "bad-model",
        "different models",
        fields() | {"model": "a@1"},
        "model",
        headers=JSON | {"X-Rendezvous-Model": "a@2"},
    ),
    "budget": Case(
        "bad-budget", "'soon' is not a positive number", fields(), BUDGET, headers=JSON | {BUDGET: "soon"}
    ),
    "no budget": Case(
        "bad-budget", "'0' is not a positive number", fields(), BUDGET, headers=JSON | {BUDGET: "0"}
    ),
    "budget NaN": Case("bad-budget", "'nan'", fields(), BUDGET, headers=JSON | {BUDGET: "nan"}),
    "budget below 0": Case("bad-budget", "'-5'", fields(), BUDGET, headers=JSON | {BUDGET: "-5"}),
    "form": Case(
        "unsupported-media-type",
        "application/x-www-form-urlencoded",
        b"a=1",
        "Content-Type",
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    ),
    "latin-1": Case(
        "unsupported-media-type",
        "UTF-8",
        fields(),
        "Content-Type",
        headers={"Content-Type": "application/json; charset=latin-1"},
    ),
    "oversize": Case("too-large", "larger than 20000 bytes", fields(colour="x" * 20_000)),
    "large as a record": Case("too-large", "bytes of 10000", {"fields": {"a": "x" * 15_000}}, routes=(WINE,)),
    "stream, unknown route": Case("unknown-route", "no route", b"", "route", "/v1/routes/beer/stream"),
    "stream, wrong type": Case(
        "unsupported-media-type",
        "text/csv",
        b"a,b",
        "Content-Type",
        "/v1/routes/wine/stream",
        {"Content-Type": "text/csv"},
    ),
    "outcome of nothing": Case(
        "bad-document", "a reward, a truth or both", {"request_id": "r"}, path=OUTCOMES
    ),
    "outcome without id": Case("bad-id", "printable", {"reward": 1}, "request_id", OUTCOMES),
    "reward is text": Case(
        "bad-document", "reward has to be a number", {"request_id": "r", "reward": "1"}, "reward", OUTCOMES
    ),
    "reward is a flag": Case(
        "bad-document", "reward has to be a number", {"request_id": "r", "reward": True}, "reward", OUTCOMES
    ),
    "reward overflows": Case(
        "bad-document", "finite", b'{"request_id": "r", "reward": 1e999}', "reward", OUTCOMES
    ),
    "truth is nested": Case(
        "bad-field", "a: expected", {"request_id": "r", "truth": {"a": {}}}, "a", OUTCOMES
    ),
    "infer, no inputs": Case("bad-document", "same number of rows", {"inputs": []}, "inputs", INFER),
    "infer, inputs are text": Case("bad-document", "array of objects", {"inputs": "x"}, "inputs", INFER),
    "infer, no name": Case("bad-document", "has no name", {"inputs": [{"shape": [1]}]}, "inputs", INFER),
    "infer, name twice": Case(
        "bad-document", "a name of its own", {"inputs": tensors()["inputs"] * 2}, "inputs", INFER
    ),
    "infer, no shape": Case(
        "bad-document", "shape has to be an array", tensors(shape=None), "alcohol", INFER
    ),
    "infer, empty shape": Case(
        "bad-document", "shape has to be an array", tensors(shape=[]), "alcohol", INFER
    ),
    "infer, shape of 0": Case("bad-document", "positive integers", tensors(shape=[0]), "alcohol", INFER),
    "infer, shape of true": Case(
        "bad-document", "positive integers", tensors(shape=[True]), "alcohol", INFER
    ),
    "infer, wrong size": Case(
        "bad-document", "shape [2, 3] wants 6 elements, data has 2", tensors(shape=[2, 3]), "alcohol", INFER
    ),
    "infer, rows differ": Case(
        "bad-document", "colour: 2, alcohol: 3", tensors(shape=[3], data=[1, 2, 3]), "inputs", INFER
    ),
    "infer, datatype": Case(
        "bad-document", "datatype has to be one of", tensors(datatype="FP128"), "alcohol", INFER
    ),
    "infer, data is text": Case(
        "bad-document", "data has to be an array", tensors(data="x"), "alcohol", INFER
    ),
    "infer, element": Case("bad-field", "an element is not FP64", tensors(data=[1, "a"]), "alcohol", INFER),
    "infer, flag element": Case(
        "bad-field", "an element is not FP64", tensors(data=[1, True]), "alcohol", INFER
    ),
    "infer, element range": Case(
        "bad-field", "an element is not UINT8", tensors(datatype="UINT8", data=[1, 256]), "alcohol", INFER
    ),
    "infer, huge element": Case("bad-field", "too large", tensors(data=[1, 10**400]), "alcohol", INFER),
    "infer, declared range": Case(
        "bad-field", "from 0 to 20, got number 99.0", tensors(data=[1, 99]), "alcohol", INFER
    ),
    "infer, too many rows": Case("too-large", "3 rows of 2", tensors(shape=[3], data=[1, 2, 3]), path=INFER),
    "infer, binary": Case(
        "unsupported-media-type",
        "binary tensors",
        b"",
        path=INFER,
        headers=JSON | {"Inference-Header-Content-Length": "5"},
    ),
    "infer, unknown route": Case("unknown-route", "no route", tensors(), "route", "/v2/models/beer/infer"),
    "no address": Case("not-found", "/v3 is no address here", b"", path="/v3"),
    "wrong method": Case("method-not-allowed", "GET is not taken", b"", method="GET"),
}
