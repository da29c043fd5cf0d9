"""What the demo in containers makes of the answers that it saw, and what it publishes first."""

from pathlib import Path

import pytest
import yaml
from rendezvous_client import Answered
from rendezvous_client.kafka import Kafka

from examples.wine.compose.publish import next_champion
from examples.wine.compose.roll_out import FEWEST, Run
from examples.wine.compose.settings import Settings


def answer(revision: int, model: str = "") -> Answered:
    source = "model" if model else "default"
    return Answered("1-1-0", "wine", {}, source, model, revision, 0, "", "", "", 5.0, 0.0, 0, ())


def run(*answers: Answered, refused: bool = False) -> Run:
    return Run(revision=1, next="new@2", answers=list(answers), refused=refused)


OLD, NEW, NOBODY = answer(1, "old@1"), answer(2, "new@2"), answer(2)


@pytest.mark.parametrize(
    ("seen", "taken_over"),
    [
        (run(*[OLD] * FEWEST, *[NEW] * FEWEST), True),
        (run(OLD, NEW, *[NOBODY] * FEWEST), True),
        (run(*[OLD] * FEWEST, *[NEW] * (FEWEST - 1)), False),
        (run(*[OLD] * FEWEST, *[NOBODY] * FEWEST), False),
        (run(*[OLD] * FEWEST, *[NEW] * FEWEST, refused=True), False),
    ],
)
def test_a_champion_has_taken_over_when_it_answers_under_the_new_revision(
    seen: Run, taken_over: bool
) -> None:
    assert seen.taken_over == taken_over


def test_defaults_are_counted_whoever_gave_them() -> None:
    assert run(OLD, NEW, NOBODY, NOBODY).defaults == 2


def test_the_next_champion_is_brought_in_without_the_route_that_makes_it_one(tmp_path: Path) -> None:
    (tmp_path / "champion.yaml").write_text("model: new@2\ntype: pmml\n---\nroute: wine\nsla: 50ms\n")
    settings = Settings(Kafka("nowhere:1"), "http://nowhere", tmp_path, tmp_path)
    assert [*yaml.safe_load_all(next_champion(settings))] == [{"model": "new@2", "type": "pmml"}]
