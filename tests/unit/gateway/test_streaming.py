"""Streams of lines against the real HTTP application, and how they are paced."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from rendezvous_gateway.window import Pace
from scoring.v1.answer_pb2 import Answer, Source

from tests.unit.gateway.support import WINE, Gateway, declared, gateway

STREAM = "/v1/routes/wine/stream"
NDJSON = {"Content-Type": "application/x-ndjson"}
SLOW = declared(sla_us=10_000_000)  # whatever else the machine does meanwhile


async def ask(running: Gateway, body: bytes | AsyncIterator[bytes]) -> list[dict[str, Any]]:
    response = await running.client.post(STREAM, data=body, headers=NDJSON)
    assert response.status == 200
    return [json.loads(line) for line in (await response.text()).splitlines()]


def line(number: int) -> bytes:
    return json.dumps({"fields": {"n": number}, "id": f"r-{number}"}).encode() + b"\n"


def test_thousands_of_lines_are_all_answered() -> None:
    async def scenario() -> None:
        async with gateway(SLOW) as running:
            running.echo(0.002)
            replies = await ask(running, b"".join(map(line, range(5_000))))
            assert sorted(each["line"] for each in replies) == list(range(1, 5_001))
            assert all(each["id"] == f"r-{each['line'] - 1}" for each in replies)
            assert {each["source"] for each in replies} == {"model"}

    asyncio.run(scenario())


def test_a_bad_line_gets_its_own_error_and_the_others_go_on() -> None:
    async def scenario() -> None:
        async with gateway(WINE, max_body_bytes=1_024) as running:
            running.echo()
            long = b'{"fields": {"a": "' + b"x" * 70_000 + b'"}}\n'
            body = [line(1), b"{bad\n", b"\n", b'{"fields": 5, "id": "x"}\n', long, b"[1]\n", line(2)[:-1]]
            replies = {each["line"]: each for each in await ask(running, b"".join(body))}
            codes = {place: each.get("error", {}).get("code") for place, each in replies.items()}
            assert codes == {
                1: None,
                2: "malformed-json",
                4: "bad-document",
                5: "too-large",
                6: "bad-document",
                7: None,
            }

    asyncio.run(scenario())


def test_a_repeated_line_gets_the_same_answer_and_another_question_a_conflict() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo(0.01)
            other = b'{"fields": {"n": 9}, "id": "r-1"}\n'
            replies = {each["line"]: each for each in await ask(running, line(1) * 2 + other)}
            first, second = ({**replies[place], "line": 0} for place in (1, 2))
            assert first == second
            assert (replies[3]["id"], replies[3]["error"]["code"]) == ("r-1", "id-conflict")

    asyncio.run(scenario())


def test_answers_come_while_lines_are_still_being_sent() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            running.echo()
            answered = asyncio.Event()

            async def lines() -> AsyncIterator[bytes]:
                yield line(1)
                await answered.wait()
                yield line(2)

            response = await running.client.post(STREAM, data=lines(), headers=NDJSON)
            assert json.loads(await response.content.readline())["id"] == "r-1"
            answered.set()
            assert json.loads(await response.content.readline())["id"] == "r-2"
            assert await response.content.read() == b""

    asyncio.run(scenario())


@pytest.mark.parametrize("limits", [{"stream_window": 7}, {"max_pending": 7}])
def test_a_small_window_or_a_full_gateway_holds_the_stream_back(limits: dict[str, float]) -> None:
    async def scenario() -> None:
        async with gateway(SLOW, partitions=(0, 1), **limits) as running:
            running.echo(0.001)
            replies = await ask(running, b"".join(map(line, range(100))))
            assert {each.get("source") for each in replies} == {"model"}
            assert running.most_pending == 7

    asyncio.run(scenario())


def test_the_log_away_gives_defaults_and_the_stream_ends() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            replies = await ask(running, b"".join(map(line, range(100))))
            assert {each["source"] for each in replies} == {"gateway"}
            assert len(replies) == 100

    asyncio.run(scenario())


def test_a_caller_who_goes_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        async with gateway(WINE) as running:
            gone = asyncio.Event()

            async def lines() -> AsyncIterator[bytes]:
                yield line(1)
                await gone.wait()

            before = len(asyncio.all_tasks())
            response = await running.client.post(STREAM, data=lines(), headers=NDJSON)
            response.close()
            gone.set()
            await running.until(lambda: len(asyncio.all_tasks()) <= before)
            await running.until(lambda: len(running.exchange.desk) == 0)

    asyncio.run(scenario())


def answered(source: int, after_ms: int) -> tuple[Answer, int]:
    return Answer(source=source, sent_at_us=1, deadline_us=100_001), 1 + after_ms * 1_000  # type: ignore[arg-type] # an enum


def test_the_pace_follows_the_answers() -> None:
    pace = Pace(1_000)
    assert pace.size == 64
    for _ in range(100):
        pace.answered(*answered(Source.SOURCE_MODEL, 10))
    assert pace.size == 114
    for _ in range(10_000):
        pace.answered(*answered(Source.SOURCE_DEFAULT, 101))
    assert pace.size == 1_000
    for _ in range(1_001):
        pace.answered(*answered(Source.SOURCE_MODEL, 60))
    assert pace.size == 1_000, "slow, but in time"
    pace.answered(*answered(Source.SOURCE_GATEWAY, 115))
    assert pace.size == 700
    pace.answered(*answered(Source.SOURCE_GATEWAY, 115))
    assert pace.size == 700, "those in flight at the same time tell the same"
    for _ in range(10_000):
        pace.answered(*answered(Source.SOURCE_MODEL, 90))
    assert pace.size == 64
    assert Pace(5).size == 5
