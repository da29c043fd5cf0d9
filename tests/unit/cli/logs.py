"""A control log in memory, as the commands see it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rendezvous_client.log import Entry, read_entry
from rendezvous_contracts.changes import Change
from rendezvous_control.fold import fold_record
from rendezvous_control.state import State
from scoring.v1.control_pb2 import AddModel, Control, RampRoute, SetRoute, Share

from tests.support.control import asked, model, route

EPOCH_US = 1_800_000_000_000_000
SECOND_US = 1_000_000


@dataclass
class Log:
    """Grows by a record each second."""

    state: State = field(default_factory=State)
    entries: list[Entry] = field(default_factory=list)

    def append(self, *messages: Control | bytes) -> "Log":
        for message in messages:
            value = message if isinstance(message, bytes) else message.SerializeToString()
            offset = self.state.next_offset
            self.state, refused = fold_record(self.state, value, offset)
            at_us = EPOCH_US + offset * SECOND_US
            self.entries.append(read_entry(value, offset, at_us, refused))
        return self

    def ask(self, *changes: Change, author: str = "ada") -> "Log":
        for change in changes:
            self.append(asked(f"id-{self.state.next_offset}", change, author=author))
        return self


def ramp(*shares: tuple[str, int], name: str = "wine") -> RampRoute:
    return RampRoute(name=name, shares=[Share(model=model_, share=share) for model_, share in shares])


def wine_log(routes: Sequence[str] = ("wine",)) -> Log:
    """Models a and b, and each route answered by a."""
    log = Log().ask(AddModel(model=model("a")), AddModel(model=model("b")))
    return log.ask(*(SetRoute(route=route("a@1", name=name)) for name in routes))
