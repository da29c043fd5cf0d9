"""What can be measured, and on which stand."""

from collections.abc import Mapping
from typing import Final, Protocol

from bench import containers
from bench.alone import EngineAlone, MailboxMemory
from bench.join import FaustJoin, InterpretedJoin, Join
from bench.latency import Hops, Lateness, Overload, Scraping
from bench.loading import LOADING
from bench.low_load import LowLoad
from bench.passthrough import PassThrough
from bench.scale import Scale
from bench.stand import Stand


class Case(Protocol):
    """One thing to measure."""

    @property
    def name(self) -> str:
        """What it is called on the command line."""
        ...

    def prepare(self, stand: Stand, scale: Scale) -> None:
        """Write what is needed beforehand."""
        ...

    def measure(self, stand: Stand, scale: Scale) -> Mapping[str, float]:
        """Measure once; return figures by name."""
        ...


# Each group has a broker of its own: what reads a topic from its beginning must find only its own there. The
# cases of a group take turns, so that what else the machine does hits all alike.
GROUPS: Final[tuple[tuple[Case, ...], ...]] = (
    (
        PassThrough("confluent"),
        Join(),
        InterpretedJoin(),
        EngineAlone(),
        PassThrough("bytewax"),
        PassThrough("quix"),
        FaustJoin(),
        MailboxMemory(),
    ),
    (Hops(), Lateness(), Scraping(), Overload()),
    tuple(map(containers.Container, containers.KINDS)),
    (LowLoad(), *LOADING),
)
NAMES: Final = tuple(case.name for group in GROUPS for case in group)
