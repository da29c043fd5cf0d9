from rendezvous_cli.applying import in_order, read_wanted
from rendezvous_cli.differences import Difference, find_differences
from rendezvous_contracts.policy import route_to_document, write_documents
from rendezvous_control.state import State

from tests.support.control import route
from tests.unit.cli.logs import Log, wine_log

MODEL = "model: c@1\ntype: pmml\nartifact: {data: x}\n"


def differences(state: State, text: str) -> list[Difference]:
    return find_differences(state, in_order(read_wanted(text, "-")), "bob")


def document(*models: str, quality: float = 5.6) -> str:
    return write_documents([route_to_document(route(*models, quality=quality))])


def test_what_is_so_already_is_no_difference() -> None:
    (found,) = differences(wine_log().state, document("a@1"))

    assert (found.result, found.diff) == ("unchanged", "")


def test_a_change_is_shown_line_by_line() -> None:
    (found,) = differences(wine_log().state, document("a@1", quality=3.0))

    assert (found.kind, found.name, found.result) == ("route", "wine", "changed")
    assert found.diff.splitlines()[:2] == ["--- route wine (now)", "+++ route wine (-:1)"]
    assert "-  quality: 5.6\n+  quality: 3.0\n" in found.diff


def test_what_a_file_adds_counts_for_what_follows_in_it() -> None:
    model, changed = differences(wine_log().state, f"{document('c@1')}---\n{MODEL}")

    assert (model.name, model.result, changed.result) == ("c@1", "new", "changed")
    assert model.diff.startswith("--- nothing\n+++ model c@1 (-:")


def test_what_would_be_refused_is_told_with_the_reason() -> None:
    (found,) = differences(wine_log().state, document("nobody@1"))

    assert (found.result, found.detail) == ("refused", "model nobody@1 is not registered: add it first")
    assert "+- use: nobody@1\n" in found.diff


def test_a_model_shows_its_digest_and_not_its_bytes() -> None:
    state = Log().state
    (found,) = differences(state, MODEL)

    assert "data" not in found.diff
    assert "+  sha256: " in found.diff


def test_a_deployment_is_compared_too() -> None:
    (found,) = differences(wine_log().state, "deployment: a\nmodel: a@1\nreplicas: 2\n")

    assert (found.kind, found.result) == ("deployment", "new")
    assert "+replicas: 2\n" in found.diff
