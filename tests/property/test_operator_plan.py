"""What the operator plans, whatever runs and whatever ends: it gets there, and never does too much."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_operator.courses import LONGEST_PAUSE_US, STEADY_US, Course, follow
from rendezvous_operator.goals import Goal, Wanted
from rendezvous_operator.plan import Action, Remove, Start, Stop, plan
from rendezvous_operator.seen import Found, Phase, Seen

SECOND_US = 1_000_000
DEPLOYMENTS = ("a", "b")
BUILDS = ("old", "new")


def goal(name: str, build: str, replicas: int, problem: str = "") -> Goal:
    wanted = tuple(Wanted(name, build, index, ("wine@1",)) for index in range(replicas))
    return Goal(name, 1, wanted, problem)


def names(of: Goal) -> set[str]:
    return {each.name for each in of.instances}


def all_names(wanted: Mapping[str, Goal]) -> frozenset[str]:
    return frozenset().union(*map(names, wanted.values()))


goals = st.dictionaries(
    st.sampled_from(DEPLOYMENTS), st.tuples(st.sampled_from(BUILDS), st.integers(0, 4))
).map(lambda found: {name: goal(name, *each) for name, each in found.items()})


@st.composite
def containers(draw: st.DrawFn) -> dict[str, Seen]:
    parts = st.tuples(st.sampled_from([*DEPLOYMENTS, "c"]), st.sampled_from(BUILDS), st.integers(0, 5))
    found = {}
    for deployment, build, index in draw(st.sets(parts, max_size=12)):
        name = f"{deployment}.{build}.{index}"
        phase = draw(st.sampled_from(Phase))
        ours = draw(st.integers(0, 9)) > 0
        container = Found(name, deployment if ours else "", build if ours else "", phase, ours=ours)
        found[name] = Seen(container, ready=phase is Phase.RUNNING and draw(st.booleans()))
    return found


@dataclass
class World:
    """Containers that do as they are told, on a clock of their own."""

    seen: dict[str, Seen]
    courses: Mapping[str, Course] = field(default_factory=dict)
    now: int = 0

    def turn(self, wanted: Mapping[str, Goal]) -> list[Action]:
        self.courses = follow(self.courses, self.seen, all_names(wanted), self.now)
        actions = plan(wanted, self.seen, self.courses, self.now)
        started = dict(self.courses)
        for action in actions:
            match action:
                case Start(each):
                    self.seen[each.name] = Seen(Found(each.name, each.deployment, each.build, Phase.RUNNING))
                    started[each.name] = started[each.name].started(self.now)
                case Stop(name):
                    self.put(name, phase=Phase.STOPPING)
                case Remove(name):
                    assert self.seen.pop(name).found.phase is Phase.EXITED
        self.courses = started
        return actions

    def put(self, name: str, *, phase: Phase, ready: bool = False) -> None:
        self.seen[name] = Seen(replace(self.seen[name].found, phase=phase), ready=ready)

    def go_on(self) -> None:
        """What runs gets ready, and what has to end does."""
        self.now += SECOND_US
        for name, each in list(self.seen.items()):
            if each.found.phase is Phase.RUNNING:
                self.put(name, phase=Phase.RUNNING, ready=True)
            elif each.found.phase is Phase.STOPPING:
                self.put(name, phase=Phase.EXITED)


@given(goals, containers())
def test_what_runs_becomes_what_is_wanted_and_stays_so(
    wanted: dict[str, Goal], there: dict[str, Seen]
) -> None:
    world = World(there)
    foreign = {name for name, each in there.items() if not each.found.ours}
    for _ in range(15):
        world.turn(wanted)
        world.go_on()

    # Where a name is taken, an old one may stay in its place.
    free = {name: each for name, each in wanted.items() if foreign.isdisjoint(names(each))}
    stuck = wanted.keys() - free.keys()
    ours = {
        name for name, each in world.seen.items() if each.found.ours and each.found.deployment not in stuck
    }
    assert ours == {name for each in free.values() for name in names(each)}
    assert all(world.seen[name].ready for name in ours)
    assert all(alive(world.seen, name) <= len(wanted[name].instances) for name in stuck)
    assert world.turn(wanted) == []


@given(goals, containers(), st.data())
def test_never_more_run_than_are_wanted_and_one(
    wanted: dict[str, Goal], there: dict[str, Seen], data: st.DataObject
) -> None:
    world = World(there)
    for _ in range(8):
        before = {name: alive(world.seen, name) for name in wanted}
        actions = world.turn(wanted)
        for name, each in wanted.items():
            assert alive(world.seen, name) <= max(before[name], len(each.instances) + 1)
        started = [action.wanted.name for action in actions if isinstance(action, Start)]
        assert len(started) == len(set(started))
        assert set(started) <= {each.name for goal in wanted.values() for each in goal.instances}
        world.go_on()
        for name in data.draw(st.sets(st.sampled_from(sorted(world.seen)), max_size=3)) if world.seen else ():
            if world.seen[name].found.ours:
                world.put(name, phase=Phase.EXITED)


def alive(seen: Mapping[str, Seen], deployment: str) -> int:
    here = (each.found for each in seen.values() if each.found.deployment == deployment)
    return sum(each.phase is not Phase.EXITED for each in here)


@given(goals, containers())
def test_what_is_not_ours_is_never_touched_and_what_cannot_be_stays(
    wanted: dict[str, Goal], there: dict[str, Seen]
) -> None:
    foreign = {name for name, each in there.items() if not each.found.ours}
    actions = plan(wanted, there, follow({}, there, all_names(wanted), 0), 0)
    assert foreign.isdisjoint(map(about, actions))

    stuck = {name: replace(each, problem="no image") for name, each in wanted.items()}
    held = [about(action) for action in plan(stuck, there, follow({}, there, all_names(wanted), 0), 0)]
    assert [name for name in held if there[name].found.deployment in stuck] == []


def about(action: Action) -> str:
    return action.wanted.name if isinstance(action, Start) else action.name


@given(goals, containers())
def test_no_ready_container_is_stopped_before_as_many_are_ready_as_are_wanted(
    wanted: dict[str, Goal], there: dict[str, Seen]
) -> None:
    world = World(there)
    for _ in range(10):
        ready = {name: count_ready(world.seen, name) for name in wanted}
        world.turn(wanted)
        for name, each in wanted.items():
            enough = min(ready[name], len(each.instances))
            assert count_ready(world.seen, name) >= enough
        world.go_on()


def count_ready(seen: Mapping[str, Seen], deployment: str) -> int:
    return sum(each.ready for each in seen.values() if each.found.deployment == deployment)


@settings(max_examples=50)
@given(st.lists(st.integers(0, 2 * STEADY_US), min_size=1, max_size=30))
def test_pauses_double_up_to_five_minutes_and_begin_anew_after_a_steady_run(runs: Sequence[int]) -> None:
    course, now, expected = Course(), 0, SECOND_US
    for lasted in runs:
        course = course.started(now)
        now += lasted
        course = course.ended("it ended", now)
        expected = SECOND_US if lasted >= STEADY_US else expected
        assert course.due - now == min(expected, LONGEST_PAUSE_US)
        assert course.up_at is None
        now, expected = course.due, 2 * expected
