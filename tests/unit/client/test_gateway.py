"""The HTTP side of the client against a server that answers as it is told."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from rendezvous_client.answers import Arrived, from_message
from rendezvous_client.errors import BadQuestionError, GatewayError, TimedOutError, UnreachableError
from rendezvous_client.gateway import AsyncGatewayAsker, GatewayAsker
from rendezvous_client.outcomes import Outcome
from rendezvous_client.questions import Question
from rendezvous_contracts.values import to_fields
from scoring.v1.answer_pb2 import Answer, Arrival, Source
from scoring.v1.score_pb2 import ScoreStatus
from scoring.v1.value_pb2 import Tensor

ANSWER: dict[str, Any] = {
    "id": "q",
    "route": "wine",
    "outputs": {"quality": 5.6},
    "source": "model",
    "model": "wine-forest@3",
    "revision": 2,
    "tier": 1,
    "rule": "use wine-forest@3",
    "extractor": "pass-through",
    "reason": None,
    "elapsed_ms": 3.2,
    "late_ms": 0,
    "partition": 1,
    "arrivals": [{"model": "wine-forest@3", "status": "ok", "after_ms": 2.5}],
}


class Stub(HTTPServer):
    """Gives *answers* in turn and keeps what it was asked; None: it hangs up, and a float: it waits first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: deque[tuple[int, bytes] | float | None] = deque()
        self.asked: list[tuple[str, dict[str, Any], str | None]] = []
        self.released = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Stub

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, body, self.headers.get("X-Rendezvous-Budget-Ms")))
        answer = self.server.answers.popleft()
        if isinstance(answer, float):
            self.server.released.wait(answer)
        if not isinstance(answer, tuple):
            self.close_connection = True
            return
        self.send_response(answer[0])
        self.send_header("Content-Length", str(len(answer[1])))
        self.end_headers()
        self.wfile.write(answer[1])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the library names it so
        """Say nothing."""


@pytest.fixture
def stub() -> Iterator[Stub]:
    with Stub() as stub:
        thread = threading.Thread(target=stub.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield stub
        stub.released.set()
        stub.shutdown()
        thread.join()


def ok(**changes: object) -> tuple[int, bytes]:
    return 200, json.dumps(ANSWER | changes).encode()


def test_a_question_travels_as_json_and_its_answer_comes_back_typed(stub: Stub) -> None:
    stub.answers.append(ok())
    fields = {"alcohol": 9.4, "raw": b"\x00", "image": Tensor(shape=[2, 2], numbers=[1, 2, 3, 4])}

    with GatewayAsker(stub.url) as asker:
        answer = asker.ask(Question("wine", fields, budget_us=30_500, key="ada", id="q"))

    path, body, budget = stub.asked[0]
    assert (path, budget) == ("/v1/routes/wine/ask", "30.500")
    assert body["fields"] == {"alcohol": 9.4, "raw": "AA==", "image": [[1, 2], [3, 4]]}
    assert (body["id"], body["key"]) == ("q", "ada")
    assert (answer.model, answer.tier, answer.reason) == ("wine-forest@3", 1, "")
    assert answer.arrivals == (Arrived("wine-forest@3", "ok", 2.5),)


def test_a_connection_that_was_closed_meanwhile_is_opened_again(stub: Stub) -> None:
    stub.answers.extend([ok(), None, ok(id="again")])
    with GatewayAsker(stub.url) as asker:
        asker.ask(Question("wine", {}))

        # The server hangs up on the second question: as one that closed an idle connection would.
        assert asker.ask(Question("wine", {})).id == "again"


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (
            (422, b'{"detail": "alcohol: expected a number", "hint": "send one"}'),
            r"\(422\): alcohol.*; send one",
        ),
        ((429, b'{"title": "Busy"}'), r"\(429\): Busy"),
        ((502, b"<html>"), "answered 502 without a JSON object: is it a gateway"),
        ((200, b"[]"), "answered 200 without a JSON object"),
        ((200, b"{}"), "what is no answer: KeyError"),
        (ok(arrivals=3), "what is no answer: TypeError"),
    ],
)
def test_what_is_no_answer_is_an_error_that_says_what_came(
    stub: Stub, answer: tuple[int, bytes], problem: str
) -> None:
    stub.answers.append(answer)

    with GatewayAsker(stub.url) as asker, pytest.raises(GatewayError, match=problem):
        asker.ask(Question("wine", {}))


def test_a_gateway_that_hangs_up_each_time_is_unreachable(stub: Stub) -> None:
    stub.answers.extend([None, None])

    with GatewayAsker(stub.url) as asker, pytest.raises(UnreachableError, match="no gateway answers"):
        asker.ask(Question("wine", {}))


def test_a_gateway_that_is_silent_times_out_and_can_be_asked_again(stub: Stub) -> None:
    stub.answers.extend([10.0, ok(id="later")])
    with GatewayAsker(stub.url, timeout_s=0.2) as asker:
        with pytest.raises(TimedOutError, match=r"did not answer within 0\.2 s"):
            asker.ask(Question("wine", {}))
        stub.released.set()

        assert asker.ask(Question("wine", {})).id == "later"


def test_what_can_be_asked_can_be_awaited(stub: Stub) -> None:
    stub.answers.extend([ok(), None, ok(id="again"), (422, b'{"detail": "alcohol: expected a number"}')])

    async def scenario() -> None:
        async with AsyncGatewayAsker(stub.url) as asker:
            assert (await asker.ask(Question("wine", {}, id="q"))).model == "wine-forest@3"
            assert (await asker.ask(Question("wine", {}))).id == "again"
            with pytest.raises(GatewayError, match=r"\(422\): alcohol"):
                await asker.ask(Question("wine", {}))

    asyncio.run(scenario())


def test_an_outcome_is_reported_once_and_says_where_it_went(stub: Stub) -> None:
    stub.answers.extend([(202, b'{"request_id": "q", "partition": 3}'), None])

    with GatewayAsker(stub.url) as asker:
        partition = asker.send_outcome(Outcome("q", "wine", reward=0.5, truth={"quality": 6.0}, author="ada"))
        # Whether it was taken before the connection ended is not known: twice would be counted twice.
        with pytest.raises(UnreachableError):
            asker.send_outcome(Outcome("q", "wine", reward=0.5))

    assert partition == 3
    assert [path for path, _, _ in stub.asked] == ["/v1/routes/wine/outcomes"] * 2
    assert stub.asked[0][1] == {
        "request_id": "q",
        "author": "ada",
        "reward": 0.5,
        "truth": {"quality": 6.0},
    }


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (Outcome("q", "wine"), "a reward, a truth or both"),
        (Outcome("q", "wine", reward=float("nan")), "reward nan"),
        (Outcome("", "wine", reward=1), "request id"),
        (Outcome("q", "Wine", reward=1), "route name"),
        (Outcome("q", "wine", truth={"a": object()}), "a: a object"),
    ],
)
def test_an_outcome_that_says_nothing_is_refused(stub: Stub, outcome: Outcome, problem: str) -> None:
    with GatewayAsker(stub.url) as asker, pytest.raises(BadQuestionError, match=problem):
        asker.send_outcome(outcome)


@pytest.mark.parametrize("url", ["ftp://there", "http://", "http://there:port", "http://[there"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(GatewayError, match="is no address of a gateway"):
        GatewayAsker(url)


def test_an_answer_off_the_log_looks_like_one_from_the_gateway() -> None:
    message = Answer(
        id="q",
        route="wine",
        outputs=to_fields({"quality": 5.6}),
        source=Source.SOURCE_MODEL,
        model="wine-forest@3",
        revision=2,
        tier=1,
        rule="use wine-forest@3",
        extractor="pass-through",
        sent_at_us=1_000,
        answered_at_us=4_200,
        deadline_us=51_000,
        arrivals=[
            Arrival(model="wine-forest@3", status=ScoreStatus.SCORE_STATUS_OK, after_us=2_500),
            Arrival(model="wine-mlp@1", status=ScoreStatus.SCORE_STATUS_INVALID_INPUT, after_us=3_000),
        ],
    )

    answer = from_message(message, 1)

    assert answer.arrivals[1] == Arrived("wine-mlp@1", "invalid-input", 3.0)
    assert (answer.elapsed_ms, answer.late_ms, answer.source) == (3.2, 0, "model")
    assert (answer.outputs, answer.partition) == ({"quality": 5.6}, 1)
