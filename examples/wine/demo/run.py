"""One run of the demo, from models to verdict."""

import asyncio
import json
import os
import time
from collections.abc import Coroutine, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from rendezvous_client.kafka import Kafka
from rendezvous_contracts.topics import DECISIONS, INPUTS
from rendezvous_local.jars import broker_jars, kafka_version
from rendezvous_local.settings import LocalSettings
from rendezvous_local.stack import LocalStack
from scoring.v1.control_pb2 import Route

from examples.wine import train
from examples.wine.dataset import TARGET, Wines, read_wines
from examples.wine.demo.counting import count, failures
from examples.wine.demo.evidence import Evidence
from examples.wine.demo.figures import figures, quantiles
from examples.wine.demo.models import ensure_trained, first_policy, next_policy
from examples.wine.demo.options import Options
from examples.wine.demo.preparing import WARM_UP_ROUTE, make_fresh, roll_out_first, route_of, stretch
from examples.wine.demo.reading import archived_ids, read_evidence
from examples.wine.demo.report import Result
from examples.wine.demo.revisions import problems, revisions
from examples.wine.demo.screen import AnswerWatch, Screen
from examples.wine.demo.sending import Sender, as_questions
from examples.wine.demo.story import Cast, Story
from examples.wine.demo.witness import Witness

# Warming up goes on until all of one round came back in half of the SLA; that many rounds at most, for a busy
# machine never calms.
_WARM_UP_S: Final = 1.5
_WARM_UP_ROUNDS: Final = 20
_LAST_REVISION: Final = 2
_ARCHIVE_S: Final = 30.0
_POLL_S: Final = 0.25


def run(options: Options, screen: Screen) -> Result:
    """Run the demo in *options*; the system is ended whatever happens."""
    options.report.unlink(missing_ok=True)  # what is there afterwards is of this run
    broker_jars()
    make_fresh(options.data)
    with screen.busy("models, trained or found unchanged"):
        ensure_trained(options.models)
    first, second = first_policy(options.models), next_policy(options.models)
    for wanted in (*first, *second):
        stretch(wanted, options.slow_motion)
    route = route_of(first)
    stack = LocalStack(
        LocalSettings(
            data_dir=options.data,
            kafka_port=0,
            kafka_short_lived=True,
            gateway_port=0,
            artifact_dir=options.models,
            partitions=4,
        )
    )
    try:
        with screen.busy("broker, topics and services are up"):
            stack.start()
        kafka = Kafka(stack.bootstrap_servers)
        with screen.busy("models and routes are published, containers ready"):
            champion = roll_out_first(stack, kafka, first, route)
        cast = Cast(champion, train.CHAMPION, second)
        with Witness() as witness:
            sender, story, start_us = asyncio.run(_stream(options, stack, kafka, route, cast, screen))
        with screen.busy("all is archived and read back"):
            _await_archive(stack.archive_dir, route.name, len(sender.sent))
            evidence = read_evidence(kafka, stack.archive_dir, route.name, sender.sent, sender.replies)
            evidence = replace(evidence, standstills=witness.standstills)
    finally:
        with screen.busy("every process has ended"):
            stack.close()
    return _judge(evidence, route, sender, story, start_us, options)


async def _stream(
    options: Options, stack: LocalStack, kafka: Kafka, route: Route, cast: Cast, screen: Screen
) -> tuple[Sender, Story, int]:
    """Warm up, then send the wines while the story goes on; return who sent, what happened, and the start."""
    wines = read_wines()
    rows = wines.features[: options.requests]
    with screen.busy("warmed up"):
        await _warm_up(options, stack, kafka, route, wines)
    story = Story(stack, kafka, cast, len(rows), screen.say)
    screen.say(f"{len(rows)} wines, {options.rate:g} in a second, half over HTTP, half straight into Kafka")
    start_us = time.time_ns() // 1000
    with AnswerWatch(screen, kafka, route.name, len(rows)):
        async with _sender(stack, kafka, route.name) as sender:
            questions = as_questions("wine", wines.names, rows)
            await _both(story.tell(), sender.send_all(questions, options.rate, before=story.before))
    return sender, story, start_us


async def _both(*jobs: Coroutine[None, None, None]) -> None:
    """Do both at a time; the first error ends the other and is raised."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for job in jobs:
                tasks.create_task(job)
    except ExceptionGroup as group:
        raise group.exceptions[0] from group


async def _warm_up(options: Options, stack: LocalStack, kafka: Kafka, route: Route, wines: Wines) -> None:
    """Send wines on the route for warming up until a round of them is answered as fast as it should be."""
    size = max(1, round(options.rate * _WARM_UP_S))
    for number in range(_WARM_UP_ROUNDS):
        async with _sender(stack, kafka, WARM_UP_ROUTE) as sender:
            questions = as_questions(f"{WARM_UP_ROUTE}-{number}", wines.names, wines.features[:size])
            await sender.send_all(questions, options.rate)
        slowest_ms = max(reply.elapsed_ms for reply in sender.replies.values())
        if slowest_ms < route.sla_us / 2_000 and not any(reply.error for reply in sender.replies.values()):
            return


def _sender(stack: LocalStack, kafka: Kafka, route: str) -> Sender:
    return Sender(stack.url(), kafka, stack.settings.partitions, route)


def _await_archive(archive: Path, route: str, wanted: int) -> None:
    """Wait until *wanted* inputs and decisions of *route* are archived, or for as long as that may take."""
    deadline = time.monotonic() + _ARCHIVE_S
    while time.monotonic() < deadline:
        if all(len(archived_ids(archive, topic, route)) >= wanted for topic in (INPUTS, DECISIONS)):
            return
        time.sleep(_POLL_S)


def _judge(
    evidence: Evidence, route: Route, sender: Sender, story: Story, start_us: int, options: Options
) -> Result:
    """Count and measure, and hold it against the criteria."""
    counts = count(evidence, sla_us=route.sla_us)
    followed = revisions(evidence)
    setting: Mapping[str, object] = {
        "sla_ms": route.sla_us / 1000,
        "rate_per_s": options.rate,
        "held_s": round(sender.held_s, 3),
        "cpus": os.cpu_count(),
        "load_average": os.getloadavg()[0],
        "models": {
            "champion": train.FOREST,
            "next": train.CHAMPION,
            "fallback": train.MLP,
            "canary": route.canary,
        },
        "kafka_version": kafka_version(),
        "logs": str(options.data / "logs"),
    }
    not_taken = [f"not taken by the broker: {each}" for each in sender.failures]
    return Result(
        counts=counts,
        figures=figures(evidence, canary=route.canary, output=TARGET),
        revisions=followed,
        events=story.events,
        failures=[*failures(counts), *problems(followed, last=_LAST_REVISION), *not_taken],
        behind=quantiles(sender.behind_ms),
        standstills=quantiles((each.end_us - each.start_us) / 1000 for each in evidence.standstills),
        first_wine_us=start_us,
        setting=setting,
    )


def write(document: Mapping[str, object], path: Path) -> None:
    """Write *document* to *path*, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
