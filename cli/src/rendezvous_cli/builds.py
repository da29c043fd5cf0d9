"""How far a switch of builds is, by what the processes say of themselves. Pure."""

from collections.abc import Iterable

from scoring.v1.status_pb2 import Status


def unready_on(live: Iterable[Status], service: str, build: str, partitions: int) -> list[int]:
    """Return the partitions that no ready process of *build* reads."""
    read = {
        number
        for status in live
        if (status.service, status.build) == (service, build) and status.ready
        for number in status.partitions
    }
    return sorted(set(range(partitions)) - read)


def waiting_on(live: Iterable[Status], service: str, build: str) -> list[int]:
    """Return the partitions on which *build* does not speak, or another one still does."""
    of_service = [status for status in live if status.service == service]
    held = {number for status in of_service for number in status.partitions}
    spoken = {number for status in of_service if status.build == build for number in status.speaks_on}
    others = {number for status in of_service if status.build != build for number in status.speaks_on}
    return sorted(held - spoken | others)
