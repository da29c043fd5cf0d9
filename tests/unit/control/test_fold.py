from collections.abc import Callable

import pytest
from rendezvous_contracts.values import to_fields
from rendezvous_control.fold import apply, fold_record
from rendezvous_control.state import State
from scoring.v1.control_pb2 import (
    Control,
    Field,
    FieldType,
    Model,
    RemoveModel,
    RollbackRoute,
    Route,
    Tier,
    UpdateModel,
)
from scoring.v1.value_pb2 import Fields, Tensor, Value

from tests.support.control import control, model, route
from tests.support.folding import folded, refused


def with_model() -> State:
    return folded(control("m", model()))


def test_a_model_is_registered_with_who_when_and_why() -> None:
    state = with_model()

    entry = state.models["wine-forest@1"]
    assert entry.model == model()
    assert (entry.stamp.offset, entry.stamp.control_id, entry.stamp.author) == (0, "m", "ada")
    assert (entry.stamp.at_us, entry.stamp.reason) == (1, "a test")


def test_revisions_of_a_route_count_from_1() -> None:
    state = folded(
        control("m", model()),
        control("a", route()),
        control("b", route("wine-forest@1")),
        control("c", route(name="other")),
    )

    assert [revision.number for revision in state.routes["wine"].revisions] == [1, 2]
    assert state.routes["wine"].current.route == route("wine-forest@1")
    assert state.routes["other"].current.number == 1
    assert state.next_offset == 4


def test_a_second_message_with_an_id_changes_nothing() -> None:
    state = folded(control("a", route()))

    repeat = refused(state, control("a", route(quality=3.0)))

    assert repeat.unchanged
    assert repeat.reason == "id a was applied already, at offset 0"


def test_a_refused_id_may_be_tried_again() -> None:
    state, refusal = fold_record(State(), control("a", route("wine-forest@1")).SerializeToString(), 0)
    assert refusal is not None

    state, refusal = fold_record(state, control("m", model()).SerializeToString(), 1)
    state, refusal = fold_record(state, control("a", route("wine-forest@1")).SerializeToString(), 2)

    assert refusal is None
    assert state.routes["wine"].current.number == 1


def test_an_offset_read_again_changes_nothing() -> None:
    late = control("a", route("wine-forest@1")).SerializeToString()
    state, _ = fold_record(State(), late, 0)
    state, _ = fold_record(state, control("m", model()).SerializeToString(), 1)

    assert fold_record(state, late, 0) == (state, None)


@pytest.mark.parametrize("expected", [0, 2, 99])
def test_a_stale_expectation_is_refused(expected: int) -> None:
    state = folded(control("a", route()))

    refusal = refused(state, control("b", route(quality=1.0), expected=expected))

    assert refusal.reason == f"route wine is at revision 1, not {expected}: look at it and decide again"


@pytest.mark.parametrize("expected", [0, None])
def test_a_route_that_is_not_there_yet_is_at_revision_0(expected: int | None) -> None:
    assert folded(control("a", route(), expected=expected)).routes["wine"].current.number == 1


def test_a_route_set_to_what_it_is_stays_at_its_revision() -> None:
    state = folded(control("a", route()))

    outcome = refused(state, control("b", route()))

    assert outcome.unchanged
    assert "since revision 1" in outcome.reason


def rollback(to: int, name: str = "wine") -> Control:
    return Control(id=f"rollback-{to}", author="ada", rollback_route=RollbackRoute(name=name, to_revision=to))


def test_a_rollback_is_a_new_revision_equal_to_the_old_one() -> None:
    state = folded(control("a", route()), control("b", route(quality=1.0)), rollback(1))

    assert state.routes["wine"].current.number == 3
    assert state.routes["wine"].current.route == route()


def test_a_rollback_to_what_was_never_there_is_refused() -> None:
    state = folded(control("a", route()))

    assert refused(state, rollback(7)).reason == "route wine has revisions 1 to 1, not 7"
    assert refused(state, rollback(0)).reason == "route wine has revisions 1 to 1, not 0"
    assert refused(state, rollback(1, "wien")).reason == "route 'wien' is not known"


def test_a_rollback_needs_the_models_of_its_time() -> None:
    state = folded(
        control("m", model()),
        control("n", model("other")),
        control("a", route("wine-forest@1")),
        control("b", route("other@1")),
        removal(),
    )

    assert refused(state, rollback(1)).reason == "model wine-forest@1 was removed: add it again first"


def removal(name: str = "wine-forest") -> Control:
    return Control(id="removal", author="ada", remove_model=RemoveModel(name=name, version="1"))


def test_a_removed_model_can_be_read_and_not_be_used() -> None:
    state = folded(control("m", model()), removal())

    assert state.models["wine-forest@1"].removed is not None
    assert state.model("wine-forest@1") is None
    assert "was removed" in refused(state, control("a", route("wine-forest@1"))).reason


def test_a_removed_model_comes_back_with_the_same_artifact_only() -> None:
    state = folded(control("m", model()), removal())

    assert "another type or artifact" in refused(state, control("again", model(data=b"other"))).reason
    assert isinstance(apply(state, control("again", model()), state.next_offset), State)


@pytest.mark.parametrize(
    "using",
    [route("wine-forest@1"), route(canary="wine-forest@1"), Route(shadows=["wine-forest@1"])],
    ids=["tier", "canary", "shadow"],
)
def test_a_model_that_a_route_uses_now_cannot_be_removed(using: Route) -> None:
    complete = route()
    complete.MergeFrom(using)
    complete.name = "wine"
    state = folded(control("m", model()), control("a", complete))

    refusal = refused(state, removal())

    assert refusal.reason == "model wine-forest@1 is used by route wine: set the route without it first"


def test_a_model_of_an_old_revision_can_be_removed() -> None:
    state = folded(
        control("m", model()),
        control("n", model("other")),
        control("a", route("wine-forest@1")),
        control("b", route("other@1")),
        removal(),
    )

    assert state.model("wine-forest@1") is None


def test_adding_a_model_again_is_unchanged_with_the_same_content_and_refused_with_another() -> None:
    state = with_model()

    assert refused(state, control("again", model())).unchanged
    other = refused(state, control("again", model(quality=0.9)))
    assert not other.unchanged
    assert "choose a new version" in other.reason


def update(changed: Model) -> Control:
    return Control(id="update", author="ada", update_model=UpdateModel(model=changed))


def test_an_update_replaces_what_is_said_about_a_model() -> None:
    state = folded(control("m", model()), update(model(quality=0.9)))

    assert state.models["wine-forest@1"].model.quality == 0.9


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (model(data=b"other"), "had another type or artifact"),
        (model(version="2"), "wine-forest@2 is not registered"),
        (model(), "described so already"),
    ],
)
def test_an_update_of_something_else_is_refused(changed: Model, reason: str) -> None:
    assert reason in refused(with_model(), update(changed)).reason


def spoilt_model(spoil: Callable[[Model], object]) -> Model:
    spoilt = model()
    spoil(spoilt)
    return spoilt


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (Model(), "model name ''"),
        (model(name="Wine Forest"), "model name 'Wine Forest'"),
        (model(version=""), "version ''"),
        (model(quality=float("nan")), "quality is nan"),
        (model(data=b""), "size is 0"),
        (spoilt_model(lambda m: m.ClearField("type")), "model type ''"),
        (spoilt_model(lambda m: m.ClearField("artifact")), "sha256 has 0 bytes instead of 32"),
        (spoilt_model(lambda m: setattr(m.artifact, "sha256", b"\0" * 32)), "not have the sha256"),
        (spoilt_model(lambda m: setattr(m.artifact, "size", 8)), "has 7 bytes, its size says 8"),
        (spoilt_model(lambda m: setattr(m.artifact, "location", "")), "neither data nor a location"),
        (
            spoilt_model(lambda m: m.inputs.extend([Field(name="a"), Field(name="a")])),
            "field a is there 2 times",
        ),
        (spoilt_model(lambda m: m.inputs.add(name="")), "name of a field of inputs"),
        (
            spoilt_model(lambda m: m.inputs.add(name="a", type=FieldType.FIELD_TYPE_TEXT, minimum=1)),
            "only a number or an integer has a minimum",
        ),
        (spoilt_model(lambda m: m.inputs.add(name="a", minimum=2, maximum=1)), "in this order"),
        (
            spoilt_model(lambda m: m.outputs.add(name="a", type=FieldType.FIELD_TYPE_FLAG, categories=["x"])),
            "outputs, field a: only a text has categories",
        ),
        (
            spoilt_model(lambda m: m.inputs.add(name="a", categories=["x", "x"])),
            "category x is there 2 times",
        ),
    ],
)
def test_a_model_that_is_wrong_is_refused_with_what_is_wrong(spoilt: Model, reason: str) -> None:
    assert reason in refused(State(), control("m", spoilt)).reason


def test_an_artifact_that_lies_elsewhere_needs_its_digest_and_size_only() -> None:
    elsewhere = spoilt_model(lambda m: setattr(m.artifact, "location", "file:///models/forest.pmml"))

    assert "wine-forest@1" in folded(control("m", elsewhere)).models


def spoilt_route(spoil: Callable[[Route], object]) -> Route:
    spoilt = route("wine-forest@1")
    spoil(spoilt)
    return spoilt


@pytest.mark.parametrize(
    ("spoilt", "reason"),
    [
        (Route(), "route name ''"),
        (route(sla_us=0), "the SLA is 0"),
        (route("wine-forest@9"), "wine-forest@9 is not registered"),
        (route("wine-forest"), "name@version"),
        (route(canary="nobody@1"), "nobody@1 is not registered"),
        (route("wine-forest@1", "wine-forest@1"), "in the schedule, wine-forest@1 is there 2 times"),
        (
            spoilt_route(lambda r: r.schedule.add(after_us=50_000, any=True)),
            "begins when the SLA of 50ms is over",
        ),
        (
            spoilt_route(
                lambda r: r.schedule.extend([Tier(after_us=9, any=True), Tier(after_us=8, model="a@1")])
            ),
            "tier 'after 8us use a@1' stands behind a later one",
        ),
        (spoilt_route(lambda r: r.schedule.add(after_us=1)), "tier 2 uses nothing"),
        (spoilt_route(lambda r: r.schedule.add(any=False)), "tier 2 uses nothing"),
        (spoilt_route(lambda r: r.models.append("")), "name@version"),
        (
            spoilt_route(lambda r: r.models.extend(["wine-forest@1"] * 2)),
            "in models, wine-forest@1 is there 2 times",
        ),
        (spoilt_route(lambda r: r.shadows.append("wine-forest@1")), "which is never chosen"),
        (spoilt_route(lambda r: r.ClearField("default")), "no default"),
        (spoilt_route(lambda r: r.default.CopyFrom(Fields(values={"a": Value()}))), "field a has no value"),
        (
            spoilt_route(lambda r: setattr(r.default.values["quality"], "number", float("inf"))),
            "field quality is inf",
        ),
        (
            spoilt_route(lambda r: r.default.CopyFrom(to_fields({"a": Tensor(shape=[2], numbers=[1])}))),
            "shape [2] does not fit 1 numbers",
        ),
        (spoilt_route(lambda r: r.inputs.add(name="a", type=99)), "inputs, field a: type 99"),
        (spoilt_route(lambda r: r.extractor.steps.add()), "step 1"),
    ],
)
def test_a_route_that_is_wrong_is_refused_with_what_is_wrong(spoilt: Route, reason: str) -> None:
    assert reason in refused(with_model(), control("a", spoilt)).reason


def test_any_needs_something_to_choose_from() -> None:
    lonely = Route(schedule=[Tier(any=True)])
    lonely.MergeFrom(route())

    assert "nothing to choose from" in refused(State(), control("a", lonely)).reason


def test_a_route_without_models_is_a_beginning() -> None:
    assert folded(control("a", route())).routes["wine"].current.number == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Control(), "the id of a control message is ''"),
        (Control(id="a" * 129, author="ada"), "use 1 to 128 printable characters"),
        (Control(id="a"), "the author of a control message is ''"),
        (Control(id="a", author="a\nb"), "author of a control message is 'a\\nb'"),
        (Control(id="a", author="ada"), "no change that this version knows"),
        (control("a", model(), expected=1), "expected_revision is a route's"),
        (removal("nobody"), "nobody@1 is not registered"),
    ],
)
def test_a_message_that_is_wrong_is_refused_with_what_is_wrong(message: Control, reason: str) -> None:
    assert reason in refused(State(), message).reason


@pytest.mark.parametrize("value", [None, b"", b"\xff", b"\x0a\x05ab", b"\x0a\x01\xff"])
def test_a_record_that_is_no_message_is_refused_and_passed(value: bytes | None) -> None:
    state, refusal = fold_record(State(), value, 0)

    assert refusal is not None
    assert state == State(next_offset=1)


def test_a_message_changed_after_its_application_changes_no_state() -> None:
    message = control("a", route())
    state = folded(message)

    message.set_route.route.sla_us = 1

    assert state.routes["wine"].current.route.sla_us == 50_000
