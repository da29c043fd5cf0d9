"""Whatever the control log holds, the state that it folds to is valid, and the same for everybody."""

from dataclasses import replace
from itertools import pairwise
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from rendezvous_contracts.changes import Change
from rendezvous_contracts.routes import champions, scoring_models
from rendezvous_control.deployment_changes import check_deployment
from rendezvous_control.errors import ControlError
from rendezvous_control.fold import fold_record
from rendezvous_control.route_checks import check_route
from rendezvous_control.signatures import KeyRing, Signer
from rendezvous_control.snapshot import read_snapshot, write_snapshot
from rendezvous_control.state import Refused, State
from scoring.v1.control_pb2 import (
    AbortRollout,
    AddModel,
    ApproveModel,
    Combination,
    Combined,
    Control,
    Deploy,
    Deployment,
    Gate,
    PauseRoute,
    RampRoute,
    RemoveModel,
    ResumeRoute,
    RollbackRoute,
    Route,
    ScaleDeployment,
    SetRoute,
    Share,
    StartRollout,
    StepRollout,
    StepVerdict,
    Tier,
    Undeploy,
    UpdateModel,
    Weighted,
)

from tests.support.control import asked, control, model, route

NAMES = st.sampled_from(["a", "b"])
MODELS = st.builds(
    model, NAMES, st.sampled_from(["1", "2"]), st.sampled_from([b"x", b"y"]), st.sampled_from([0.1, 0.9])
)
MODEL_IDS = st.sampled_from(["a@1", "a@2", "b@1", "nobody@1"])
ROUTE_NAMES = st.sampled_from(["wine", "beer"])
SHARES = st.lists(
    st.builds(Share, model=MODEL_IDS, share=st.sampled_from([0, 100, 5_000, 9_900, 10_000])), max_size=3
)
USES = st.one_of(
    st.builds(lambda name: Tier(model=name), MODEL_IDS),
    st.builds(lambda shares: Tier(weighted=Weighted(shares=shares)), SHARES),
    st.sampled_from([Tier(any=True), Tier(best_quality=True), Tier()]),
    st.builds(
        lambda kind, names, least, field: Tier(
            combined=Combined(combination=kind, models=names, at_least=least, field=field)
        ),
        st.sampled_from(sorted(Combination.values())),
        st.lists(MODEL_IDS, max_size=3),
        st.integers(0, 3),
        st.sampled_from(["", "quality"]),
    ),
)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    drawn = route(name=draw(ROUTE_NAMES), sla_us=draw(st.sampled_from([0, 5_000, 50_000, 50_000])))
    drawn.schedule.extend(draw(st.lists(USES, max_size=3)))
    drawn.requires_approval = draw(st.booleans())
    return drawn


DEPLOYMENTS = st.one_of(
    st.builds(
        Deployment,
        name=NAMES,
        model=MODEL_IDS,
        replicas=st.sampled_from([0, 1, 2_000]),
        image=st.sampled_from(["", "an image", "\n"]),
    ),
    st.builds(Deployment, name=NAMES, route=ROUTE_NAMES, options=st.just({"cpu": "1"})),
    st.builds(Deployment, name=NAMES, versions_of=NAMES),
)
VERSIONS = st.sampled_from(["1", "2"])
CHANGES: st.SearchStrategy[Change] = st.one_of(
    st.builds(lambda m: AddModel(model=m), MODELS),
    st.builds(lambda m: UpdateModel(model=m), MODELS),
    st.builds(lambda name, version: RemoveModel(name=name, version=version), NAMES, VERSIONS),
    st.builds(lambda name, version: ApproveModel(name=name, version=version), NAMES, VERSIONS),
    routes().map(lambda r: SetRoute(route=r)),
    st.builds(
        lambda name, to: RollbackRoute(name=name, to_revision=to),
        ROUTE_NAMES,
        st.integers(0, 4),
    ),
    st.builds(
        lambda name, tier, shares: RampRoute(name=name, tier=tier, shares=shares),
        ROUTE_NAMES,
        st.integers(0, 2),
        SHARES,
    ),
    ROUTE_NAMES.map(lambda name: PauseRoute(name=name)),
    st.builds(
        lambda name, to, steps, gates: StartRollout(route=name, to=to, steps=steps, every_us=1, gates=gates),
        ROUTE_NAMES,
        MODEL_IDS,
        st.sampled_from([[10_000], [100, 10_000], [100, 10_000], [], [200, 100], [100]]),
        st.lists(st.sampled_from([Gate(metric="p99_ms", below=1), Gate(metric="p98")]), max_size=1),
    ),
    st.builds(
        lambda name, step, verdict: StepRollout(route=name, step=step, verdict=verdict),
        ROUTE_NAMES,
        st.integers(0, 2),
        st.sampled_from(sorted(StepVerdict.values())),
    ),
    ROUTE_NAMES.map(lambda name: AbortRollout(route=name)),
    ROUTE_NAMES.map(lambda name: ResumeRoute(name=name)),
    DEPLOYMENTS.map(lambda deployment: Deploy(deployment=deployment)),
    NAMES.map(lambda name: Undeploy(name=name)),
    st.builds(lambda name, to: ScaleDeployment(name=name, replicas=to), NAMES, st.integers(0, 3)),
)
# Enough for routes to have something to choose from, in most logs.
BEGINNING = [
    control(f"beginning-{name}", model(name, "1", b"x", 0.1)).SerializeToString() for name in ("a", "b")
]


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    name = draw(st.sampled_from([f"id-{number}" for number in range(12)]))
    message = asked(name, draw(CHANGES), author=draw(st.sampled_from(["ada", "bob"])))
    if draw(st.booleans()):
        message.expected_revision = draw(st.integers(0, 3))
    return message.SerializeToString()


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    whole = bytearray(draw(messages()))
    for place in draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        whole[place] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.integers(0, len(whole)))])


LOGS = st.builds(
    list.__add__,
    st.sampled_from([[], BEGINNING, BEGINNING]),
    st.lists(st.one_of(messages(), messages(), damaged(), st.binary(max_size=40)), max_size=25),
)


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
        assert set(course.current.qualities) == set(scoring_models(course.current.route))
        for before, after in pairwise(course.revisions):
            assert before.route != after.route
            assert after.route.schedule or not before.route.schedule
        if course.rolling:
            assert course.rolling.plan.to in scoring_models(course.current.route)
            assert course.rolling.step < len(course.rolling.plan.steps)
    for entry in state.models.values():
        assert not {approval.author for approval in entry.approvals} & entry.writers
    for name, deployed in state.deployments.items():
        assert name == deployed.deployment.name
        if not deployed.removed:
            check_deployment(state, deployed.deployment)
    assert all(offset < state.next_offset for offset in state.seen.values())


@settings(deadline=None)
@given(LOGS)
def test_any_log_leaves_a_valid_state_after_each_of_its_records(log: list[bytes]) -> None:
    state = State()
    for offset, value in enumerate(log):
        before = state
        state, refusal = fold_record(state, value, offset)

        assert_valid(state)
        assert state.next_offset == offset + 1
        if refusal:
            assert state == replace(before, next_offset=offset + 1)
        else:
            assert len(state.seen) == len(before.seen) + 1


@settings(deadline=None)
@given(LOGS, st.data())
def test_going_on_from_anywhere_and_reading_again_come_to_the_state_of_a_replay(
    log: list[bytes], data: st.DataObject
) -> None:
    whole, _ = fold(log)
    stopped, _ = fold(log[: data.draw(st.integers(0, len(log)))])

    again, _ = fold(log, stopped)

    assert again == whole
    assert fold(log, whole) == (whole, [])


@settings(max_examples=50, deadline=None)
@given(LOGS, st.data())
def test_going_on_from_a_snapshot_comes_to_the_state_of_a_replay(
    log: list[bytes], data: st.DataObject
) -> None:
    whole, refusals = fold(log)
    stopped, first = fold(log[: data.draw(st.integers(0, len(log)))])

    restored = read_snapshot(write_snapshot(stopped))

    assert restored == stopped
    assert fold(log, restored) == (whole, refusals[len(first) :])
    assert write_snapshot(whole) == write_snapshot(fold(log)[0])


@settings(deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_snapshot_or_refused(value: bytes) -> None:
    try:
        state = read_snapshot(value)
    except ControlError:
        return
    assert isinstance(state, State)


@settings(deadline=None)
@given(LOGS)
def test_a_champion_that_came_while_approval_was_asked_for_was_approved(log: list[bytes]) -> None:
    state = State()
    for offset, value in enumerate(log):
        before, (state, _) = state, fold_record(state, value, offset)
        for name, course in state.routes.items():
            known = before.routes.get(name)
            if known is course or not course.current.route.requires_approval:
                continue
            new = {*champions(course.current.route)} - {*(champions(known.current.route) if known else ())}
            assert all(state.models[model].approved for model in new)


@settings(deadline=None)
@given(LOGS)
def test_a_log_appended_to_itself_applies_no_id_twice(log: list[bytes]) -> None:
    state, refusals = fold([*log, *log])

    assert len(state.seen) + len(refusals) == 2 * len(log)
    assert len({*state.seen.values()}) == len(state.seen)


@settings(deadline=None)
@given(LOGS, st.randoms(use_true_random=False))
def test_any_order_leaves_a_valid_state(log: list[bytes], random: Random) -> None:
    random.shuffle(log)

    assert_valid(fold(log)[0])


ADA = Ed25519PrivateKey.generate()
RING = KeyRing({"ada": [ADA.public_key()]})


@settings(max_examples=50, deadline=None)
@given(LOGS, st.data())
def test_with_a_key_ring_the_state_is_that_of_what_was_signed_by_its_author(
    log: list[bytes], data: st.DataObject
) -> None:
    signer = Signer(ADA)
    state, counted = State(), State()
    for offset, value in enumerate(log):
        signed = data.draw(st.booleans()) and signer.sign(decoded(value))
        written = signed.SerializeToString() if signed else value
        state, _ = fold_record(state, written, offset, RING)
        # Without the ring, and with nothing but what counts.
        counts = bool(signed) and decoded(value).author == "ada"
        counted, _ = fold_record(counted, decoded(value).SerializeToString() if counts else b"", offset)

    assert state == counted


def decoded(value: bytes) -> Control:
    try:
        message = Control.FromString(value)
    except DecodeError:
        return Control()
    return Control() if message.HasField("signed") else message


@settings(deadline=None)
@given(st.lists(st.integers(0, 60_000), max_size=4))
def test_tiers_of_a_route_that_is_applied_are_in_order_and_before_its_sla(starts: list[int]) -> None:
    wanted = route(sla_us=50_000)
    wanted.schedule.extend([Tier(after_us=start, model=f"m{place}@1") for place, start in enumerate(starts)])
    registered = [
        control(f"m{place}", model(f"m{place}")).SerializeToString() for place in range(len(starts))
    ]

    state, refusals = fold([*registered, control("route", wanted).SerializeToString()])

    right = starts == sorted(starts) and all(start < 50_000 for start in starts)
    assert ("wine" in state.routes) == right
    assert bool(refusals) != right
