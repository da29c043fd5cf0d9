"""What the web server shows of the control state."""

import json

from rendezvous_control.fold import fold_record
from rendezvous_control.state import State
from rendezvous_runtime.shell.views import model_json, route_json

from tests.support.control import control, model, route


def folded() -> State:
    state = State()
    messages = [
        control("c1", model(data=b"<PMML>very long</PMML>")),
        control("c2", route("wine-forest@1")),
        control("c3", route("wine-forest@1", sla_us=70_000)),
    ]
    for offset, message in enumerate(messages):
        state, refused = fold_record(state, message.SerializeToString(), offset)
        assert refused is None
    return state


def test_a_route_is_shown_in_its_newest_revision() -> None:
    shown = route_json(folded().routes["wine"])
    assert (shown["revision"], shown["revisions"]) == (2, 2)
    assert shown["route"]["sla_us"] == 70_000
    assert shown["stamp"] == {
        "offset": 2,
        "control_id": "c3",
        "author": "ada",
        "at_us": 1,
        "reason": "a test",
    }
    json.dumps(shown)


def test_a_model_is_shown_without_its_bytes() -> None:
    state = folded()
    shown = model_json(state.models["wine-forest@1"])
    assert shown["model"]["artifact"]["size"] == "22"
    assert "data" not in shown["model"]["artifact"]
    assert state.models["wine-forest@1"].model.artifact.data == b"<PMML>very long</PMML>"
    assert shown["removed"] is None
    json.dumps(shown)
