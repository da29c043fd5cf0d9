"""The whole system in memory: extractor, three models and the rendezvous, under virtual time, with faults."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random

from prometheus_client import CollectorRegistry
from rendezvous_contracts.changes import Change
from rendezvous_contracts.topics import ANSWERS, DEAD_LETTERS, DECISIONS, REQUESTS
from rendezvous_contracts.values import to_fields
from rendezvous_control.state import State
from rendezvous_engine.engine import Limits
from rendezvous_feature_extractor.handler import FeatureExtractor
from rendezvous_feature_extractor.metrics import ExtractorMetrics
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.shelf import Shelf
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.stream import Handler, Record
from rendezvous_runtime.testing import System
from rendezvous_runtime.testing.member import Delay
from rendezvous_service.counting import RendezvousMetrics
from rendezvous_service.handler import Rendezvous
from scoring.v1.answer_pb2 import Answer
from scoring.v1.control_pb2 import Model
from scoring.v1.decision_pb2 import Decision
from scoring.v1.request_pb2 import Request

from tests.support.control import model
from tests.support.folding import after, published
from tests.support.models import ready_model
from tests.support.questions import FOREST, LINEAR, MLP, MS, wine

PARTITIONS = 4
# Four hops of the log and the steps of the drivers, under virtual time.
TOLERANCE_US = 2 * MS


def registered(name: str) -> Model:
    """Return a model as one registers it, from its name@version."""
    called, _, version = name.partition("@")
    return model(called, version)


@dataclass
class Whole:
    """
    One run; the same *seed* gives the same run.

    Where there are *builds* of the extractor and the rendezvous, beside the default one, each process folds
    the control log by itself: see say.
    """

    seed: int
    builds: tuple[str, ...] = ()
    random: Random = field(init=False)
    registry: CollectorRegistry = field(init=False)
    delays: dict[str, int | None] = field(default_factory=lambda: {FOREST: 300, MLP: 100, LINEAR: 50})

    def __post_init__(self) -> None:
        self.random = Random(self.seed)  # noqa: S311 - explores, protects nothing
        self.control = ControlView(published(*(registered(name) for name in (FOREST, MLP, LINEAR)), wine()))
        self.system = System(PARTITIONS, seed=self.seed)
        self.views: dict[str, ControlView] = {}
        for build in ("", *self.builds):
            self.system.add(self._extractor(build), name=f"extractor{build}")
        for name in (FOREST, MLP, LINEAR):
            self.system.add(self._container(name), name=name, delay_us=self._delay(name))
        for build in ("", *self.builds):
            self.system.add(self._rendezvous(build), name=f"rendezvous{build}")
        self.sent: dict[str, int] = {}

    def _view(self, name: str) -> ControlView:
        if not self.builds:
            return self.control
        view = self.views[name] = ControlView(self.control.state)
        return view

    def _extractor(self, build: str = "") -> FeatureExtractor:
        metrics = ExtractorMetrics(CollectorRegistry())
        view = self._view(f"extractor{build}")
        return FeatureExtractor(view, metrics, max_input_bytes=900_000, build=build)

    def _container(self, name: str) -> ScoringHandler:
        shelf = Shelf((name,))
        shelf.replace({name: ready_model(name)})
        return ScoringHandler(shelf, self.control, clock=self.system.clock, service="model-container")

    def _rendezvous(self, build: str = "") -> Rendezvous:
        view = self._view(f"rendezvous{build}")
        registry = CollectorRegistry()
        if not build:
            self.registry = registry
        metrics = RendezvousMetrics(registry, view)
        return Rendezvous(view, metrics, Limits(), recovery_window_us=60_000_000, build=build)

    def say(self, change: Change, within_us: int) -> None:
        """Append *change* to the control log; each process folds it *within_us* microseconds, by chance."""
        state = after(self.control.state, change)
        self.control.publish(state)
        for name in self.views:
            self.after(self.random.randrange(within_us), partial(self._fold, name, state))

    def _fold(self, name: str, state: State) -> None:
        view = self.views[name]  # of the process that runs now: one that came back has folded all
        if view.state.next_offset < state.next_offset:
            view.publish(state)

    def _delay(self, name: str) -> Delay:
        def delay(_: Record) -> int | None:
            return self.delays[name]

        return delay

    def ask(self, name: str, budget_us: int = 0) -> None:
        """Send a request now."""
        now = self.system.clock.now()
        self.sent[name] = now.wall + (budget_us or 50 * MS)
        request = Request(
            id=name,
            route="wine",
            sent_at_us=now.wall,
            budget_us=budget_us,
            fields=to_fields({"alcohol": 9.5}),
        )
        partition = hash(name) % PARTITIONS
        self.system.publish(REQUESTS, partition, name.encode(), request.SerializeToString())

    def restart(self, name: str) -> None:
        """Start a killed process again."""
        made: dict[str, Callable[[str], Handler]] = {
            "extractor": self._extractor,
            "rendezvous": self._rendezvous,
        }
        for kind, make in made.items():
            if name.startswith(kind):
                self.system.restart(name, make(name.removeprefix(kind)))
                return
        self.system.restart(name, self._container(name))

    def after(self, us: int, call: Callable[[], None]) -> None:
        """Have *call* run *us* microseconds from now."""
        self.system.at(self.system.clock.now().mono + us, call)

    def answers(self) -> dict[str, list[bytes]]:
        """All answers in the log by request."""
        found = defaultdict(list)
        for record in self.system.records(ANSWERS):
            found[(record.key() or b"").decode()].append(record.value() or b"")
        return found

    def late(self) -> dict[str, int]:
        """How many microseconds after its deadline each late request was answered."""
        effective = {name: Answer.FromString(found[0]) for name, found in self.answers().items()}
        after = {name: answer.answered_at_us - self.sent[name] for name, answer in effective.items()}
        return {name: late for name, late in after.items() if late > TOLERANCE_US}

    def decided(self) -> dict[str, list[Decision]]:
        """All decisions in the log by request."""
        found = defaultdict(list)
        for record in self.system.records(DECISIONS):
            found[(record.key() or b"").decode()].append(Decision.FromString(record.value() or b""))
        return found

    def dead_letters(self) -> int:
        """How many records could not be handled."""
        return len(self.system.records(DEAD_LETTERS))
