"""Topics where no broker answers."""

import pytest
from rendezvous_local.errors import NotReadyError
from rendezvous_local.topics import create_topics

NOBODY = "127.0.0.1:1"


def test_a_topic_that_is_not_created_in_time_is_named_with_the_broker_that_was_asked() -> None:
    with pytest.raises(NotReadyError, match=f"requests could not be created at {NOBODY}: .*Timed out"):
        create_topics(NOBODY, 1, timeout_s=0.2)
