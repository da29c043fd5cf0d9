"""One turn of the operator: look, plan, act, and say how far it is. Blocks as its back end does."""

import threading
from collections.abc import Mapping
from dataclasses import replace

import structlog
from rendezvous_control.state import State
from rendezvous_runtime.clock import Clock
from scoring.v1.status_pb2 import DeploymentStatus, Status

from rendezvous_operator.backend import Backend, BackendError
from rendezvous_operator.courses import Course, follow
from rendezvous_operator.goals import Goal, Wanted, goals
from rendezvous_operator.plan import Action, Remove, Start, Stop, plan
from rendezvous_operator.report import report
from rendezvous_operator.seen import Seen, look

_log = structlog.get_logger(__name__)


class Reconciler:
    """
    Makes what *backend* runs what the control state wants, one turn after the other.

    *actions* counts what was done, by kind; *deployments* is how far each is, swapped in whole.
    """

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self.backend = backend
        self.deployments: list[DeploymentStatus] = []
        self.trouble = ""
        self.actions = {"start": 0, "stop": 0, "remove": 0, "failed": 0}
        self._clock = clock
        self._courses: dict[str, Course] = {}
        self._lock = threading.Lock()
        self._closed = False

    def close(self, *, end: bool) -> None:
        """Let go of the back end once a turn that is under way is over; *end*: end what runs first."""
        with self._lock:
            self._closed = True
            self.backend.close(end=end)

    def turn(self, state: State, heard: Mapping[str, Status]) -> None:
        """Look, plan, act, and look again; a back end that does not answer is shown, and asked again."""
        with self._lock:
            if not self._closed:
                self._turn(state, heard)

    def _turn(self, state: State, heard: Mapping[str, Status]) -> None:
        wanted = {name: self._checked(goal) for name, goal in goals(state).items()}
        try:
            seen = self._look(wanted, heard)
            actions = plan(wanted, seen, self._courses, self._clock.now().mono)
            troubles = [why for action in actions if (why := self._act(action))]
            if actions:
                seen = self._look(wanted, heard)
        except BackendError as error:
            self._troubled(str(error))
            return
        self._troubled(next(iter(troubles), ""))
        self.deployments = report(wanted, seen, self._courses, self._clock.now().mono)

    def _look(self, wanted: Mapping[str, Goal], heard: Mapping[str, Status]) -> dict[str, Seen]:
        now = self._clock.now()
        seen = look(self.backend.find(), heard, now.wall)
        names = frozenset(each.name for goal in wanted.values() for each in goal.instances)
        self._courses = follow(self._courses, seen, names, now.mono)
        return seen

    def _checked(self, goal: Goal) -> Goal:
        """Return *goal*, with the problem that the back end has with it."""
        if goal.problem or not goal.instances:
            return goal
        return replace(goal, problem=self.backend.problem(goal.instances[0]))

    def _act(self, action: Action) -> str:
        """Do *action*; return why it could not be done, which holds up no other."""
        try:
            match action:
                case Start():
                    self._start(action.wanted)
                case Stop(name):
                    _log.info("asked to end", container=name)
                    self.backend.stop(name)
                    self.actions["stop"] += 1
                case Remove(name):
                    self.backend.remove(name)
                    self.actions["remove"] += 1
        except BackendError as error:
            self.actions["failed"] += 1
            return str(error)
        return ""

    def _start(self, wanted: Wanted) -> None:
        now = self._clock.now().mono
        course = self._courses[wanted.name].started(now)
        try:
            self.backend.start(wanted)
        except BackendError as error:
            self.actions["failed"] += 1
            _log.warning("not started", container=wanted.name, why=str(error))
            course = course.ended(str(error), now)
        else:
            self.actions["start"] += 1
            _log.info("started", container=wanted.name, models=wanted.models, start=course.starts)
        self._courses[wanted.name] = course

    def _troubled(self, why: str) -> None:
        if why and why != self.trouble:
            _log.warning("the back end does not do what it was asked for", why=why)
        self.trouble = why
