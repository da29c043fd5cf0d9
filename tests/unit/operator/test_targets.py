"""What an operator tells Prometheus to scrape."""

from rendezvous_operator.goals import Goal, Wanted
from rendezvous_operator.targets import targets


def test_each_wanted_container_is_a_target_under_its_own_name() -> None:
    instances = tuple(Wanted("wine", "b1", index, ("wine@1",)) for index in range(2))
    found = targets({"wine": Goal("wine", 1, instances), "none": Goal("none", 1, ())}, "mine")
    assert found == [
        {
            "targets": [f"mine.wine.b1.{index}:6073"],
            "labels": {"deployment": "wine", "instance": f"wine.b1.{index}"},
        }
        for index in range(2)
    ]
