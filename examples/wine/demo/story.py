"""What happens to the system while the wines are sent."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from rendezvous_cli.applying import Applied, Wanted, apply_wanted, in_order
from rendezvous_cli.publishing import Submitter
from rendezvous_client.control import ControlPublisher, ControlReader
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import wait_applied
from rendezvous_local.errors import NotReadyError
from rendezvous_local.stack import LocalStack

from examples.wine.demo.errors import DemoError

# At which part of the wines it happens.
KILL_AT: Final = 0.15
REVIVE_AT: Final = 0.4
ROLL_OUT_AT: Final = 0.72
# The wines from here on are for the new champion: on a machine too slow to have it ready they wait for it.
HOLD_AT: Final = 0.8

_AUTHOR: Final = "demo"
_APPLY_S: Final = 30.0
_POLL_S: Final = 0.1


class Event(NamedTuple):
    """Something that happened, *at_s* seconds after the first wine."""

    at_s: float
    text: str


@dataclass(frozen=True)
class Cast:
    """Who plays: the first champion's process, the next champion, and what its roll-out wants."""

    champion: str
    challenger: str
    roll_out: Sequence[Wanted]


class Story:
    """
    A kill, a come-back and a roll-out, each once so many of *total* wines are sent.

    *tell* plays it; *before* is the sender's hook. *events* is what happened, and *say* hears of it at once.
    """

    def __init__(
        self, stack: LocalStack, kafka: Kafka, cast: Cast, total: int, say: Callable[[str], None]
    ) -> None:
        self.events: list[Event] = []
        self._stack = stack
        self._kafka = kafka
        self._cast = cast
        self._total = total
        self._say = say
        self._start = time.monotonic()
        self._reached = {share: asyncio.Event() for share in (KILL_AT, REVIVE_AT, ROLL_OUT_AT)}
        self._rolled_out = asyncio.Event()

    def before(self, place: int) -> asyncio.Event | None:
        """Note that the wine at *place* is next; return what it has to wait for, if anything."""
        if place == 0:
            self._start = time.monotonic()
        for share, event in self._reached.items():
            if place >= share * self._total:
                event.set()
        return self._rolled_out if place >= HOLD_AT * self._total else None

    async def tell(self) -> None:
        """Play it to its end; raises NotReadyError or DemoError where the system does not follow."""
        stack, cast = self._stack, self._cast
        await self._reached[KILL_AT].wait()
        await asyncio.to_thread(stack.kill, cast.champion, stay_down=True)
        self._note(f"killed {cast.champion} (kill -9)")
        models = [each for each in cast.roll_out if each.kind == "model"]
        await asyncio.to_thread(publish, self._kafka, models, wait=False)
        challenger = await asyncio.to_thread(stack.start_model, cast.challenger)
        self._note(f"published {cast.challenger} and started its container")
        await self._reached[REVIVE_AT].wait()
        await asyncio.to_thread(stack.revive, cast.champion)
        self._note(f"started {cast.champion} again")
        for name in (challenger, cast.champion):
            await self._ready(name)
            self._note(f"{name} is ready")
        await self._reached[ROLL_OUT_AT].wait()
        routes = [each for each in cast.roll_out if each.kind == "route"]
        for applied in await asyncio.to_thread(publish, self._kafka, routes, wait=False):
            self._note(f"published route {applied.name}, {applied.detail}: {cast.challenger} is the champion")
        self._rolled_out.set()

    async def _ready(self, name: str) -> None:
        deadline = time.monotonic() + self._stack.settings.ready_timeout_s
        while True:
            try:
                # In short slices, so that an interrupt has no thread to wait for.
                await asyncio.to_thread(self._stack.wait_ready, [name], _POLL_S)
            except NotReadyError:
                if time.monotonic() > deadline:
                    raise
            else:
                return

    def _note(self, text: str) -> None:
        at_s = time.monotonic() - self._start
        self.events.append(Event(round(at_s, 3), text))
        self._say(f"{at_s:6.2f} s  {text}")


def publish(kafka: Kafka, wanted: Sequence[Wanted], *, wait: bool = True) -> list[Applied]:
    """
    Publish *wanted* on the control log, and *wait* until every service has applied it.

    Raises DemoError when something is refused, TimedOutError when a service does not follow.
    """
    with ControlReader(kafka) as reader, ControlPublisher(kafka) as publisher:
        reader.catch_up()
        submitter = Submitter(reader, publisher, _AUTHOR, "the wine demo")
        done = [apply_wanted(submitter, each) for each in in_order(wanted)]
    for applied in done:
        if applied.result not in {"created", "updated"}:
            raise DemoError(f"{applied.kind} {applied.name} was {applied.result}: {applied.detail}")
    offsets = [applied.offset for applied in done if applied.offset is not None]
    if wait and offsets:
        wait_applied(kafka, max(offsets), _APPLY_S)
    return done
