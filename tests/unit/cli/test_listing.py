"""Rows that change while they are watched."""

import json

import pytest
from rendezvous_cli.errors import CliError
from rendezvous_cli.listing import Listing, changes
from rendezvous_cli.terminal import Output

ROUTES = ("route", "revision")


def wine(revision: int) -> dict[str, object]:
    return {"route": "wine", "revision": revision}


def test_what_is_new_or_other_is_a_change_and_what_is_not_there_is_gone() -> None:
    beer = {"route": "beer", "revision": 1}

    assert changes([wine(1), beer], [wine(2), beer]) == ([wine(2)], [])
    assert changes([], [beer]) == ([beer], [])
    assert changes([wine(1), beer], [wine(1)]) == ([], [beer])


def test_a_revision_is_itself_and_not_its_successor() -> None:
    first = wine(1) | {"current": "yes"}
    was = wine(1) | {"current": ""}
    second = wine(2) | {"current": "yes"}

    assert changes([first], [second, was]) == ([second, was], [])


def test_a_change_is_a_line_in_the_form_that_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for output in Output:
        listing = Listing("route", "wine", ROUTES, output)
        listing.show_changes([wine(1)], [wine(2), {"route": "beer", "revision": 7}])
        listing.show_changes([wine(2)], [])

    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "wine  2",
        json.dumps(wine(2)),
        "---",
        "route: wine",
        "revision: 2",
    ]
    assert shown.err.splitlines() == ["route wine is gone"] * 3


def test_one_that_is_not_there_is_named_with_those_that_are() -> None:
    listing = Listing("route", "beer", ROUTES, Output.TABLE)

    with pytest.raises(CliError, match="no route beer; there are: wine"):
        listing.show([wine(1)])
