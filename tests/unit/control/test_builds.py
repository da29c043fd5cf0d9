"""Which build of a service speaks, as the control log says it."""

import pytest
from rendezvous_control.snapshot import read_snapshot, write_snapshot
from rendezvous_control.state import State
from scoring.v1.control_pb2 import SetBuild

from tests.support.folding import after, decided, refusal

EXTRACTOR, RENDEZVOUS = "feature-extractor", "rendezvous"


def test_the_default_build_speaks_until_another_is_named() -> None:
    assert State().build(RENDEZVOUS) == ""
    state = decided(SetBuild(service=RENDEZVOUS, build="2.1"))
    assert (state.build(RENDEZVOUS), state.build(EXTRACTOR)) == ("2.1", "")
    back = decided(SetBuild(service=RENDEZVOUS, build="2.1"), SetBuild(service=RENDEZVOUS, build="default"))
    assert (back.build(RENDEZVOUS), back.builds[RENDEZVOUS].number) == ("", 2)


def test_who_says_it_again_changes_nothing() -> None:
    assert refusal(State(), SetBuild(service=EXTRACTOR)).unchanged
    state = decided(SetBuild(service=EXTRACTOR, build="b"))
    assert refusal(state, SetBuild(service=EXTRACTOR, build="b")).unchanged
    at_once = SetBuild(service=EXTRACTOR, build="b", at_once=True)
    assert after(state, at_once).build(EXTRACTOR) == "b"
    assert refusal(decided(at_once), at_once).unchanged


@pytest.mark.parametrize(
    ("change", "expected", "reason"),
    [
        (SetBuild(service="gateway", build="b"), None, "service 'gateway' has no builds to choose from"),
        (SetBuild(service=RENDEZVOUS, build="b c"), None, "build 'b c': use 1 to 63 letters"),
        (SetBuild(service=RENDEZVOUS, build="b"), 3, "was set 0 times, not 3"),
    ],
)
def test_what_cannot_be_is_refused(change: SetBuild, expected: int | None, reason: str) -> None:
    found = refusal(State(), change, expected=expected)
    assert reason in found.reason
    assert not found.unchanged


def test_a_snapshot_has_the_builds() -> None:
    state = decided(
        SetBuild(service=RENDEZVOUS, build="b"), SetBuild(service=EXTRACTOR, build="c", at_once=True)
    )
    assert read_snapshot(write_snapshot(state)) == state
