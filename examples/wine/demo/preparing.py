"""Before the first wine: an empty data directory, and the first roll-out."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rendezvous_cli.applying import Wanted
from rendezvous_client.kafka import Kafka
from rendezvous_local.errors import AlreadyRunningError
from rendezvous_local.runfile import RunFile
from rendezvous_local.stack import KAFKA, LocalStack
from scoring.v1.control_pb2 import Route, SetRoute

from examples.wine import train
from examples.wine.demo.errors import DemoError
from examples.wine.demo.story import publish

# Warm-ups go through the whole system on a route of their own, with the same models: they share every code
# path with the wines, and no topic's records of the route "wine" are anything but wines.
WARM_UP_ROUTE: Final = "warm-up"


def make_fresh(data: Path) -> None:
    """Empty the data directory, unless another run is on it or it is something else."""
    if data.exists() and any(data.iterdir()) and not (data / KAFKA).is_dir():
        raise DemoError(f"{data} holds something else than a run of the demo: give another --data")
    held = RunFile(data)
    try:
        held.acquire()
    except AlreadyRunningError as error:
        raise DemoError(f"another demo runs on {data}: end it, or give another --data") from error
    held.release()
    shutil.rmtree(data)


def stretch(wanted: Wanted, factor: float) -> None:
    """Stretch the SLA and the times of the tiers of *wanted*, if it is a route."""
    if isinstance(wanted.thing, SetRoute):
        route = wanted.thing.route
        route.sla_us = round(route.sla_us * factor)
        for tier in route.schedule:
            tier.after_us = round(tier.after_us * factor)


def route_of(wanted: Sequence[Wanted]) -> Route:
    """Return the route among *wanted*."""
    return next(each.thing.route for each in wanted if isinstance(each.thing, SetRoute))


def roll_out_first(stack: LocalStack, kafka: Kafka, first: Sequence[Wanted], route: Route) -> str:
    """Publish the models, the route and its twin for warming up; return the champion's process."""
    twin = Route()
    twin.CopyFrom(route)
    twin.name = WARM_UP_ROUTE
    publish(kafka, [*first, Wanted("route", twin.name, "the demo", SetRoute(route=twin))])
    champion = stack.start_model(train.FOREST)
    others = [stack.start_model(train.MLP), stack.start_model(train.LINEAR, canary=True)]
    stack.wait_ready([champion, *others])
    return champion
