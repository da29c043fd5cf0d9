import pytest
from rendezvous_cli.entries import AUDIT_COLUMNS, HISTORY_COLUMNS, Wanted, audit_rows, history_rows
from rendezvous_cli.errors import UsageError
from rendezvous_cli.moments import format_time, read_moment
from rendezvous_client.log import Bound
from scoring.v1.control_pb2 import (
    ApproveModel,
    Deploy,
    Deployment,
    PauseRoute,
    RemoveModel,
    ResumeRoute,
    RollbackRoute,
    ScaleDeployment,
    SetRoute,
    StartRollout,
    StepRollout,
    StepVerdict,
    UpdateModel,
)

from tests.support.control import model, route
from tests.unit.cli.logs import EPOCH_US, SECOND_US, Log, ramp, wine_log


@pytest.fixture
def log() -> Log:
    log = wine_log()
    log.ask(ramp(("a@1", 9_000), ("b@1", 1_000)), PauseRoute(name="wine"))
    log.ask(ramp(("b@1", 10_000)), author="bob")
    log.ask(ResumeRoute(name="wine"), RollbackRoute(name="wine", to_revision=1))
    log.append(b"\xff\xff")
    log.ask(Deploy(deployment=Deployment(name="b", versions_of="b", replicas=2)), author="bob")
    return log.ask(ApproveModel(name="b", version="1"), author="bob")


def offsets(log: Log, wanted: Wanted) -> list[object]:
    return [row["offset"] for row in audit_rows(log.entries, wanted)]


def test_the_audit_shows_who_asked_for_what_and_what_became_of_it(log: Log) -> None:
    rows = audit_rows(log.entries, Wanted())

    assert [row["offset"] for row in rows] == list(range(11))
    assert set(AUDIT_COLUMNS) <= rows[0].keys()
    assert (rows[3]["author"], rows[3]["change"], rows[3]["about"], rows[3]["result"]) == (
        "ada",
        "ramp route",
        "wine",
        "applied",
    )
    assert rows[3]["says"] == "tier 1: 90% a@1, 10% b@1"
    assert rows[0]["says"] == "pmml, 7 bytes, quality 0.5"
    assert rows[9]["says"] == "2 x versions of b"


def test_what_was_refused_is_there_with_its_reason_and_poison_too(log: Log) -> None:
    refused = [row for row in audit_rows(log.entries, Wanted()) if row["result"] == "refused"]

    assert [(row["offset"], row["author"]) for row in refused] == [(5, "bob"), (8, "")]
    assert str(refused[0]["why"]).startswith("route wine was paused by ada (a test)")
    assert str(refused[1]["why"]).startswith("not a Control message")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(author="bob"), [5, 9, 10]),
        (Wanted(model="b@1"), [1, 3, 5, 10]),
        (Wanted(model="b"), [1, 3, 5, 9, 10]),
        (Wanted(route="wine"), [2, 3, 4, 5, 6, 7]),
        (Wanted(since=Bound(offset=9)), [9, 10]),
        (Wanted(since=Bound(at_us=EPOCH_US + 10 * SECOND_US)), [10]),
        (Wanted(search="WAS PAUSED"), [5]),
        (Wanted(search="to_revision"), [7]),
        (Wanted(search="id-7"), [7]),
        (Wanted(author="bob", model="b@1", since=Bound(offset=6)), [10]),
        (Wanted(search="nothing says this"), []),
    ],
)
def test_the_audit_shows_what_is_wanted(log: Log, wanted: Wanted, found: list[int]) -> None:
    assert offsets(log, wanted) == found


def test_the_history_of_a_route_is_its_revisions_and_pauses_newest_first(log: Log) -> None:
    rows = history_rows(log.state, log.entries, "wine")

    assert set(HISTORY_COLUMNS) <= rows[0].keys()
    assert [(row["revision"], row["change"], row["says"]) for row in rows] == [
        (3, "rollback route", "use a@1"),
        (None, "resume route", ""),
        (None, "pause route", ""),
        (2, "ramp route", "use 90% a@1, 10% b@1"),
        (1, "set route", "use a@1"),
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (UpdateModel(model=model("a", quality=0.25)), "pmml, 7 bytes, quality 0.25"),
        (RemoveModel(name="b", version="1"), ""),
        (SetRoute(route=route(name="new")), "no model"),
        (Deploy(deployment=Deployment(name="d", route="wine")), "0 x route wine"),
        (Deploy(deployment=Deployment(name="d", model="a@1", replicas=1)), "1 x a@1"),
        (ScaleDeployment(name="d", replicas=3), "3 replicas"),
        (StartRollout(route="wine", to="b@1", steps=[100, 10_000]), "b@1 in steps of 1%, 100%"),
        (
            StepRollout(route="wine", step=1, verdict=StepVerdict.STEP_VERDICT_FAIL, detail="slow"),
            "step 1 fail: slow",
        ),
        (StepRollout(route="wine", verdict=9), "step 0 unknown: "),  # type: ignore[arg-type]  # of a later version
    ],
)
def test_every_change_is_told_in_a_line(change: SetRoute, says: str) -> None:
    assert audit_rows(wine_log().ask(change).entries, Wanted())[-1]["says"] == says


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("0", Bound(offset=0)),
        ("120", Bound(offset=120)),
        ("15m", Bound(at_us=EPOCH_US - 900 * SECOND_US)),
        ("2027-01-15T08:00:00", Bound(at_us=EPOCH_US)),
        ("2027-01-15T08:00:00Z", Bound(at_us=EPOCH_US)),
        ("2027-01-15T09:00:00+01:00", Bound(at_us=EPOCH_US)),
        ("2027-01-15", Bound(at_us=EPOCH_US - 8 * 3_600 * SECOND_US)),
    ],
)
def test_a_moment_is_an_offset_a_time_or_so_long_ago(text: str, bound: Bound) -> None:
    assert read_moment(text, "--at", now_us=EPOCH_US) == bound


@pytest.mark.parametrize("text", ["", "-1", "yesterday", "2027-13-01", "1.5"])
def test_what_is_no_moment_is_refused_with_what_is_one(text: str) -> None:
    with pytest.raises(UsageError, match=r"--at '.*': name an offset like 120"):
        read_moment(text, "--at")


def test_a_bound_holds_what_was_written_up_to_it() -> None:
    assert Bound(offset=3).holds(3, 0)
    assert not Bound(offset=3).holds(4, 0)
    assert Bound(at_us=5).holds(9, 5)
    assert not Bound(at_us=5).holds(9, 6)
    assert Bound().holds(2**60, 2**60)


def test_a_clock_that_is_far_off_is_shown_as_it_is() -> None:
    assert format_time(2**63) == f"{2**63} us"
