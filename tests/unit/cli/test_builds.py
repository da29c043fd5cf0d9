from rendezvous_cli.builds import unready_on, waiting_on
from scoring.v1.status_pb2 import Status

SERVICE = "rendezvous"


def said(build: str, partitions: list[int], speaks_on: list[int], *, ready: bool = True) -> Status:
    return Status(service=SERVICE, build=build, partitions=partitions, speaks_on=speaks_on, ready=ready)


def test_a_build_is_ready_where_its_ready_processes_read() -> None:
    live = [
        said("", [0, 1, 2, 3], [0, 1, 2, 3]),
        said("b", [0, 1], []),
        said("b", [2], [], ready=False),
        Status(service="feature-extractor", build="b", partitions=[3], ready=True),
    ]
    assert unready_on(live, SERVICE, "b", 4) == [2, 3]
    assert unready_on(live, SERVICE, "", 4) == []
    assert unready_on([], SERVICE, "b", 2) == [0, 1]


def test_a_switch_is_complete_once_the_new_build_speaks_everywhere_and_no_other_does() -> None:
    old, new = said("", [0, 1], [1]), said("b", [0, 1], [0])
    assert waiting_on([old, new], SERVICE, "b") == [1]
    assert waiting_on([said("", [0, 1], [1]), said("b", [0, 1], [0, 1])], SERVICE, "b") == [1]
    assert waiting_on([said("", [0, 1], []), said("b", [0, 1], [0, 1])], SERVICE, "b") == []
    # The old one has ended: nobody else is heard of.
    assert waiting_on([said("b", [0, 1], [0, 1])], SERVICE, "b") == []
