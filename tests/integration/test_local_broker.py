"""The local broker: a real one, that comes back with its data."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest
from rendezvous_contracts.topics import TOPICS
from rendezvous_local.broker import Broker
from rendezvous_local.errors import LocalError, MissingToolError, PortInUseError
from rendezvous_local.jars import check_java_version, find_java
from rendezvous_local.ports import free_port
from rendezvous_local.topics import create_topics

from tests.support.broker import consume_all, create_topic, produce, unique
from tests.support.polling import wait_until
from tests.support.processes import is_running


@pytest.mark.kafka
def test_records_come_back_as_they_were_written(kafka: str) -> None:
    topic = create_topic(kafka, unique("round-trip"), partitions=2)
    produce(kafka, topic, [b"a", b"b"], partition=1, key=b"k", headers={"h": b"1"})
    produce(kafka, topic, [b"c"])
    read = consume_all(kafka, topic)
    assert [(r.partition, r.offset, r.key, r.value) for r in read] == [
        (0, 0, None, b"c"),
        (1, 0, b"k", b"a"),
        (1, 1, b"k", b"b"),
    ]
    assert read[1].headers == {"h": b"1"}


@pytest.mark.kafka
def test_a_killed_broker_comes_back_on_its_port_with_its_data(fresh_broker: Broker) -> None:
    bootstrap = fresh_broker.bootstrap_servers
    create_topics(bootstrap, partitions=3)
    produce(bootstrap, "requests", [b"kept"], partition=2)
    fresh_broker.kill()
    assert fresh_broker.pid is None
    fresh_broker.restart()
    assert fresh_broker.bootstrap_servers == bootstrap
    assert [record.value for record in consume_all(bootstrap, "requests")] == [b"kept"]


@pytest.mark.kafka
def test_topics_are_created_once_and_keep_their_number_of_partitions(fresh_broker: Broker) -> None:
    create_topics(fresh_broker.bootstrap_servers, partitions=2)
    create_topics(fresh_broker.bootstrap_servers, partitions=2)
    assert all(consume_all(fresh_broker.bootstrap_servers, spec.name) == [] for spec in TOPICS)
    with pytest.raises(LocalError, match="has 2 partitions, not 3"):
        create_topics(fresh_broker.bootstrap_servers, partitions=3)


@pytest.mark.kafka
def test_a_broker_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import pathlib, sys, time\n"
        "from rendezvous_local.broker import Broker\n"
        f"broker = Broker(pathlib.Path({str(tmp_path)!r})); broker.start()\n"
        "print(broker.pid, flush=True); time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        assert is_running(pid)
        starter.kill()
    wait_until(lambda: not is_running(pid), 5, "the end of the broker")


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port)), pytest.raises(PortInUseError, match=f"port {port}"):
        Broker(tmp_path, port).start()


def test_an_old_java_is_refused_with_what_to_install() -> None:
    check_java_version("java", 'openjdk version "17.0.15" 2025-04-15')
    check_java_version("java", 'java version "21" 2023-09-19')
    with pytest.raises(MissingToolError, match=r"not Java 17 or newer.*1\.8\.0_402.*openjdk-17"):
        check_java_version("java", 'openjdk version "1.8.0_402"')


def test_a_missing_java_says_where_it_was_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(MissingToolError, match=f"no java on JAVA_HOME \\({tmp_path}\\)"):
        find_java()
