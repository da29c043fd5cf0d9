"""
Who stamps the next request of a partition, where several builds of the extractor read it. Pure.

The right to stamp is a token that travels in the partition of `inputs`: each input names the build that
stamps the next request, and that is nearly always the one that wrote it. The build that has the token, and is
told by the control log that another one is to speak, names that other one in the next input that it stamps,
and is silent from there on. The other one reads that input and goes on with the next request. See
docs/decisions/0008-builds-that-follow-in-silence.md.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from rendezvous_control.state import BuildEntry
from scoring.v1.input_pb2 import InputHead

# How long the token stays after another build is named: by then that one has heard of it, too.
SETTLING_US: Final = 500_000


class Turn(Enum):
    """What is to be done with a request."""

    MINE = auto()
    """It is stamped here and now."""
    HELD = auto()
    """It may be ours to stamp: it is not known yet."""
    STAMPED = auto()
    """It is stamped already, by whomever."""


@dataclass(slots=True)
class Head:
    """
    The token of one partition as *build* sees it.

    *holder* stamps the requests from *next_offset* on, in a state that has folded the control log up to
    *control_offset* at least. Those before it are stamped.
    """

    build: str
    holder: str = ""
    next_offset: int = 0
    control_offset: int = 0

    def saw(self, head: InputHead) -> None:
        """Take in an input of the partition, whoever stamped it: its first word about a request counts."""
        if head.request_offset >= self.next_offset:
            self.next_offset = head.request_offset + 1
            self.holder = head.next_build
            self.control_offset = head.control_offset

    def named(self, entry: BuildEntry | None) -> None:
        """Take the token at once if the control log says so."""
        if entry is not None and entry.build.at_once and entry.build.build == self.build:
            self.holder = self.build

    def turn(self, offset: int, folded: int) -> Turn:
        """Return what to do with the request at *offset*, with the control log folded up to *folded*."""
        if offset < self.next_offset:
            return Turn.STAMPED
        return Turn.MINE if self.holder == self.build and folded >= self.control_offset else Turn.HELD

    def stamped(self, offset: int, successor: str) -> None:
        """Note that the request at *offset* is stamped here, and that *successor* stamps the next."""
        # Who goes on holding reads each request once; and a log that was made anew begins at 0 again.
        if successor != self.build:
            self.next_offset, self.holder = offset + 1, successor


class Succession:
    """Whom the control log wants to speak, as *build* heard it, and since when: monotonic microseconds."""

    def __init__(self, build: str) -> None:
        self._build = build
        self.entry: BuildEntry | None = None
        self._since = 0

    def heard(self, entry: BuildEntry | None, now: int) -> bool:
        """Note what the control state says at *now*; return whether that is news."""
        if entry is self.entry:
            return False
        self.entry, self._since = entry, now
        return True

    def successor(self, now: int) -> str:
        """Return who is to stamp what follows an input that this build stamps at *now*."""
        entry = self.entry
        if entry is None or entry.build.build == self._build or now < self._since + SETTLING_US:
            return self._build
        return entry.build.build
