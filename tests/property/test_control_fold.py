"""Whatever the control log holds, the state that it folds to is valid, and the same for everybody."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from rendezvous_control.fold import fold_record
from rendezvous_control.route_changes import check_route
from rendezvous_control.state import Refused, State
from scoring.v1.control_pb2 import Control, RemoveModel, RollbackRoute, Tier, UpdateModel

from tests.support.control import control, model, route

NAMES = st.sampled_from(["a", "b"])
MODELS = st.builds(
    model, NAMES, st.sampled_from(["1", "2"]), st.sampled_from([b"x", b"y"]), st.sampled_from([0.1, 0.9])
)
MODEL_IDS = st.sampled_from(["a@1", "a@2", "b@1", "nobody@1"])
ROUTES = st.builds(
    lambda models, name, sla_us: route(*models, name=name, sla_us=sla_us),
    st.lists(MODEL_IDS, max_size=3),
    st.sampled_from(["wine", "beer"]),
    st.sampled_from([0, 5_000, 50_000]),
)
CHANGES = st.one_of(
    st.builds(lambda m: Control(update_model=UpdateModel(model=m)), MODELS),
    st.builds(
        lambda name, version: Control(remove_model=RemoveModel(name=name, version=version)),
        NAMES,
        st.sampled_from(["1", "2"]),
    ),
    st.builds(
        lambda name, to: Control(rollback_route=RollbackRoute(name=name, to_revision=to)),
        st.sampled_from(["wine", "beer"]),
        st.integers(0, 4),
    ),
    MODELS.map(lambda m: control("", m)),
    ROUTES.map(lambda r: control("", r)),
)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    message = draw(CHANGES)
    message.id = draw(st.sampled_from([f"id-{number}" for number in range(12)]))
    message.author = "ada"
    if draw(st.booleans()):
        message.expected_revision = draw(st.integers(0, 3))
    return message.SerializeToString()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    whole = bytearray(draw(messages()))
    for place in draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[place] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.integers(0, len(whole)))])


LOGS = st.lists(st.one_of(messages(), messages(), damaged(), st.binary(max_size=40)), max_size=25)


def fold(log: list[bytes], state: State | None = None) -> tuple[State, list[Refused]]:
    state = state or State()
    refusals = []
    for offset, value in enumerate(log):
        state, refusal = fold_record(state, value, offset)
        refusals += [refusal] if refusal else []
    return state, refusals


def assert_valid(state: State) -> None:
    for name, entry in state.models.items():
        assert name == f"{entry.model.name}@{entry.model.version}"
    for name, course in state.routes.items():
        assert [revision.number for revision in course.revisions] == list(range(1, len(course.revisions) + 1))
        assert {revision.route.name for revision in course.revisions} == {name}
        check_route(state, course.current.route)
    assert all(offset < state.next_offset for offset in state.seen.values())


@given(LOGS)
def test_any_log_leaves_a_valid_state_after_each_of_its_records(log: list[bytes]) -> None:
    state = State()
    for offset, value in enumerate(log):
        before = state
        state, refusal = fold_record(state, value, offset)

        assert_valid(state)
        assert state.next_offset == offset + 1
        if refusal:
            assert (state.models, state.routes, state.seen) == (before.models, before.routes, before.seen)
        else:
            assert len(state.seen) == len(before.seen) + 1


@given(LOGS, st.data())
def test_going_on_from_anywhere_and_reading_again_come_to_the_state_of_a_replay(
    log: list[bytes], data: st.DataObject
) -> None:
    whole, _ = fold(log)
    stopped, _ = fold(log[: data.draw(st.integers(0, len(log)))])

    again, _ = fold(log, stopped)

    assert again == whole
    assert fold(log, whole) == (whole, [])


@given(LOGS)
def test_a_log_appended_to_itself_applies_no_id_twice(log: list[bytes]) -> None:
    state, refusals = fold([*log, *log])

    assert len(state.seen) + len(refusals) == 2 * len(log)
    assert len({*state.seen.values()}) == len(state.seen)


@given(LOGS, st.randoms(use_true_random=False))
def test_any_order_leaves_a_valid_state(log: list[bytes], random: Random) -> None:
    random.shuffle(log)

    assert_valid(fold(log)[0])


@given(st.lists(st.integers(0, 60_000), max_size=4))
def test_tiers_of_a_route_that_is_applied_are_in_order_and_before_its_sla(starts: list[int]) -> None:
    asked = route(sla_us=50_000)
    asked.schedule.extend([Tier(after_us=start, model=f"m{place}@1") for place, start in enumerate(starts)])
    registered = [
        control(f"m{place}", model(f"m{place}")).SerializeToString() for place in range(len(starts))
    ]

    state, refusals = fold([*registered, control("route", asked).SerializeToString()])

    right = starts == sorted(starts) and all(start < 50_000 for start in starts)
    assert ("wine" in state.routes) == right
    assert bool(refusals) != right
