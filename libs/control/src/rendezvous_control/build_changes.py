"""Which build of a service speaks: the change that says so."""

from dataclasses import replace
from typing import Final

from rendezvous_contracts.names import DEFAULT_BUILD, check_build
from scoring.v1.control_pb2 import SetBuild

from rendezvous_control.errors import ControlError, UnchangedError
from rendezvous_control.maps import put
from rendezvous_control.state import BuildEntry, Stamp, State

RENDEZVOUS: Final = "rendezvous"
EXTRACTOR: Final = "feature-extractor"
# Those whose processes can follow the stream in silence.
SERVICES: Final = (RENDEZVOUS, EXTRACTOR)


def set_build(state: State, change: SetBuild, expected: int | None, stamp: Stamp) -> State:
    """Have another build of a service speak. *expected*: how often that has to have been said before."""
    service = change.service
    if service not in SERVICES:
        raise ControlError(
            f"service {service[:80]!r} has no builds to choose from: use {' or '.join(SERVICES)}"
        )
    entry = state.builds.get(service)
    number = entry.number if entry else 0
    if expected is not None and expected != number:
        raise ControlError(
            f"the build of the {service} was set {number} times, not {expected}: look at it and decide again"
        )
    copy = SetBuild(service=service, build=check_build(change.build), at_once=change.at_once)
    said = entry.build if entry else SetBuild(service=service)
    if copy.build == said.build and copy.at_once <= said.at_once:
        raise UnchangedError(f"build {copy.build or DEFAULT_BUILD} of the {service} speaks already")
    return replace(state, builds=put(state.builds, service, BuildEntry(copy, number + 1, stamp)))
