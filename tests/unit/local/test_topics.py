"""Topics are waited for, however the broker is."""

import pytest
from confluent_kafka.admin import AdminClient
from rendezvous_local import topics
from rendezvous_local.errors import NotReadyError


def test_a_broker_that_goes_away_while_topics_are_made_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_TIMEOUT_S", 0.3)
    nowhere = AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    with pytest.raises(NotReadyError, match=r"topic control has not been seen again \(.+\), 0\.3 s after"):
        topics._await_partitions(nowhere, "control", 1)
