"""Loads and unloads the assigned models as the control log says, in a thread of its own."""

import gc
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import structlog
from rendezvous_control.state import ModelEntry, State
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.control_view import ControlView
from scoring.v1.control_pb2 import Model

from rendezvous_models.artifacts import ArtifactStore
from rendezvous_models.contract import ModelRuntime
from rendezvous_models.errors import ModelError, NoRoomError
from rendezvous_models.gate import Passage, pass_gate
from rendezvous_models.golden_recorded import with_recorded
from rendezvous_models.lifecycle import Action, Course, Phase, next_action
from rendezvous_models.room import Occupancy
from rendezvous_models.shelf import ReadyModel, Shelf
from rendezvous_models.usage import UsageCounter
from rendezvous_models.validation import InputValidator

_LONGEST_WAIT_S: Final = 0.5
_TURN_S: Final = 0.002

_log = structlog.get_logger(__name__)


class Loader:
    """
    Keeps *shelf* as *view* says; *settled* once it has tried all that can be loaded.

    A model is swapped in when it is loaded and warm, so the data thread never waits; the one that it
    replaces is unloaded once nobody reads it, and a removed one still scores for *drain_us*. start and stop
    run it in a thread; step is one round of it.
    """

    def __init__(
        self,
        shelf: Shelf,
        view: ControlView,
        store: ArtifactStore,
        create: Callable[[Model], ModelRuntime],
        *,
        clock: Clock,
        drain_us: int = 10_000_000,
        loaded_max_bytes: int = 0,
    ) -> None:
        self._shelf = shelf
        self._view = view
        self._store = store
        self._clock = clock
        self._create = create
        self._drain_us = drain_us
        self._occupancy = Occupancy(loaded_max_bytes)
        self._usages: dict[str, UsageCounter] = {}  # of idle models
        self._wake = threading.Event()
        self._stopping = threading.Event()
        shelf.on_ask = self._wake.set
        self._thread = threading.Thread(target=self._run, name="model-loader", daemon=True)
        self.settled = False
        self.courses: Mapping[str, Course] = {name: Course(name) for name in shelf.assigned}

    def start(self) -> None:
        """Begin to follow the control log."""
        self._view.subscribe(self._on_state)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Stop after the step under way; return whether that was within *timeout_s* seconds."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def step(self) -> None:
        """Do for each model what is to be done now."""
        state = self._view.state
        asked = self._shelf.take_asked()
        self._occupancy.look(self._shelf.ready, self._clock.now().mono)
        for name in self.courses:
            course = self.courses[name]
            match self._action(course, state.models.get(name), asked=name in asked):
                case Action.LOAD:
                    self._load(course, state.models[name].model)
                case Action.DRAIN:
                    due = self._clock.now().mono + self._drain_us
                    self._note(replace(course.to(Phase.DRAINING, self._clock.now()), due=due))
                case Action.UNLOAD:
                    self._swap(name, None)
                    self._note(Course(name, since_us=self._clock.now().wall))
                case Action.NOTHING:
                    pass
        self.settled = True

    def _action(self, course: Course, entry: ModelEntry | None, *, asked: bool) -> Action:
        action = next_action(course, entry, self._clock.now(), asked=asked)
        back = action is Action.LOAD and course.phase is Phase.IDLE
        if back and entry and self._in_the_way(course.name, entry.model) is None:
            return Action.NOTHING  # it stays idle, and its inputs go on to other models
        return action

    def _on_state(self, _: State) -> None:
        self._wake.set()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self.step()
            except Exception:  # noqa: BLE001 - what is served goes on, and the thread must not end unseen
                _log.exception("the loader failed")
            self._wake.wait(_LONGEST_WAIT_S)

    def _load(self, course: Course, descriptor: Model) -> None:
        """Take *descriptor* from its artifact to the shelf, or note why not; what served before goes on."""
        usage = self._usages.pop(course.name, None)
        self._note(course.taken_up(descriptor, self._clock.now()))
        try:
            ready = self._prepare(course.name, descriptor)
        except ModelError as error:
            self._fail(course.name, str(error), passing=error.passing)
        except Exception as error:  # noqa: BLE001 - a model's own code may raise anything
            self._fail(course.name, f"{type(error).__name__}: {error}", passing=True)
        else:
            again = course.phase is Phase.IDLE
            if again and usage:
                ready = replace(ready, usage=usage)
            self._swap(course.name, ready)
            self._occupancy.enter(course.name, ready, self._clock.now().mono, asked=again)
            self._to(course.name, Phase.READY)

    def _make_room(self, name: str, descriptor: Model) -> None:
        """Unload what is used least until *descriptor* fits; raises NoRoomError."""
        going = self._in_the_way(name, descriptor)
        if going is None:
            raise NoRoomError(
                f"an artifact of {descriptor.artifact.size} bytes does not fit beside models in use; "
                "allow more by the setting loaded_max_bytes, or give it another container"
            )
        for other in going:
            self._usages[other] = self._shelf.ready[other].usage
            self._swap(other, None)
            self._to(other, Phase.IDLE)

    def _in_the_way(self, name: str, descriptor: Model) -> list[str] | None:
        others = {other: model for other, model in self._shelf.ready.items() if other != name}
        may_go = [other for other in others if self.courses[other].phase is Phase.READY]
        size = descriptor.artifact.size
        return self._occupancy.in_the_way(others, may_go, size, self._clock.now().mono)

    def _prepare(self, name: str, descriptor: Model) -> ReadyModel:
        in_use = {held.runtime.descriptor.artifact.sha256 for held in self._shelf.ready.values()}
        path = self._store.fetch(descriptor.artifact, in_use)
        self._to(name, Phase.LOADING)
        runtime = self._create(descriptor)
        to_prove = descriptor
        if runtime.unpacks:
            path = self._store.unpack(descriptor.artifact, in_use)
            to_prove = with_recorded(descriptor, path)
        self._make_room(name, descriptor)
        runtime.load(path)
        try:
            self._to(name, Phase.WARMING)
            validator = InputValidator(descriptor.inputs, runtime.metadata())
            passage = pass_gate(runtime, to_prove, validator, self._clock)
        except BaseException:
            runtime.unload()
            raise
        _log_passage(name, to_prove, passage)
        return ReadyModel(name, runtime, validator, passage.latency)

    def _swap(self, name: str, model: ReadyModel | None) -> None:
        """Put *model* on the shelf, or nothing, and unload what was there once nobody reads it."""
        before = self._shelf.ready.get(name)
        if not (self._shelf.ready or self.settled):
            # Nothing is served yet, so a pause hurts nobody; what is loaded now is never looked at again.
            gc.collect()
            gc.freeze()
        others = {key: value for key, value in self._shelf.ready.items() if key != name}
        turn = self._shelf.replace(others | {name: model} if model else others)
        while not turn.is_over() and not self._stopping.wait(_TURN_S):
            pass
        if before:
            before.runtime.unload()

    def _fail(self, name: str, reason: str, *, passing: bool) -> None:
        served = "; the version loaded before goes on serving" if name in self._shelf.ready else ""
        self._note(self.courses[name].failed(reason + served, self._clock.now(), passing=passing))

    def _to(self, name: str, phase: Phase) -> None:
        self._note(self.courses[name].to(phase, self._clock.now()))

    def _note(self, course: Course) -> None:
        """Make *course* known, whole, and log it."""
        self.courses = {**self.courses, course.name: course}
        level = "warning" if course.phase is Phase.FAILED else "info"
        getattr(_log, level)("model phase", model=course.name, phase=course.phase.value, reason=course.reason)


def _log_passage(name: str, descriptor: Model, passage: Passage) -> None:
    if passage.unproved:
        advice = "publish the model with golden records, and it is warmed up and measured on them"
        _log.warning("model not warmed up", model=name, reason=passage.unproved, advice=advice)
    else:
        golden = len(descriptor.golden)
        _log.info("model passed its gate", model=name, golden=golden, **passage.latency._asdict())
