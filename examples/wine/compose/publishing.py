"""From the policies of the example to control messages."""

from collections.abc import Sequence
from pathlib import Path

from rendezvous_cli.applying import Applied, Applier, Wanted, in_order, read_wanted
from rendezvous_cli.errors import CliError
from rendezvous_client.control import ControlPublisher, ControlReader
from rendezvous_client.kafka import Kafka

ROUTE = "wine"


def read_policy(path: Path) -> list[Wanted]:
    """Return what the policy at *path* asks for, models first."""
    return in_order(read_wanted(path.read_text(encoding="utf-8"), str(path)))


def publish(kafka: Kafka, wanted: Sequence[Wanted], author: str, reason: str) -> list[Applied]:
    """Publish what is not so already, and say what became of each; raises CliError if one is refused."""
    with ControlReader(kafka) as reader, ControlPublisher(kafka) as publisher:
        reader.catch_up()
        applier = Applier(reader, publisher, author, reason)
        applied = [applier.apply(each) for each in wanted]
    refused = [f"{each.name}: {each.detail}" for each in applied if each.result == "refused"]
    if refused:
        raise CliError(f"refused: {'; '.join(refused)}")
    return applied
