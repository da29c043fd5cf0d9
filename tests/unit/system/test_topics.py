"""Topics where no broker answers."""

import pytest
from rendezvous_local.errors import NotReadyError
from rendezvous_local.topics import create_topics

NOBODY = "127.0.0.1:1"


def test_topics_that_cannot_be_created_in_time_are_said_to_be_with_the_broker_that_was_asked() -> None:
    with pytest.raises(NotReadyError, match=rf"not created within 0.2 s: no answer from {NOBODY}"):
        create_topics(NOBODY, 1, timeout_s=0.2)
