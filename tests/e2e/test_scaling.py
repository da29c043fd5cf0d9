"""Two rendezvous processes mid-stream: partitions are handed over and back under load."""

import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import read_status

from tests.support.polling import wait_until
from tests.support.service import service
from tests.support.stacks import Running, check_answers, check_callers
from tests.support.stream import PATIENCE_S

pytestmark = pytest.mark.kafka

SECOND = "rendezvous-1"


def shared(system: Running) -> bool:
    """Whether both processes have decided on partitions of their own."""
    heard = read_status(Kafka(system.bootstrap))
    shares = [
        {passed.partition for passed in heard[name].status.passed} if name in heard else set()
        for name in ("rendezvous-0", SECOND)
    ]
    return all(shares) and not shares[0] & shares[1]


def leave(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


def die(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(PATIENCE_S)


@pytest.mark.parametrize("end", [leave, die])
def test_a_second_rendezvous_that_comes_and_goes_mid_stream_loses_nothing(
    system: Running, tmp_path: Path, end: Callable[[subprocess.Popen[bytes]], None]
) -> None:
    name = "left" if end is leave else "died"
    settings = {"RENDEZVOUS_INSTANCE": SECOND, "RENDEZVOUS_SESSION_TIMEOUT_MS": "3000"}
    with (
        system.load(name) as load,
        system.callers(name) as callers,
        system.answers() as answers,
    ):
        answers.wait_for_more(100)
        with service("rendezvous_service", system.bootstrap, tmp_path, settings) as second:
            wait_until(lambda: shared(system), PATIENCE_S, "two share the partitions", every_s=0.2)
            answers.wait_for_more(300)
            end(second)
            load.wait_for_more(300)
        load.stop()
        callers.stop()
        answers.wait_for_all(load.sent)
        system.wait_settled()
        answers.read()

    check_answers(load, answers)
    check_callers(callers, answers, forgiven=().__contains__)
    system.check_archive()
