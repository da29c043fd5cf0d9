"""The whole system under load, while its broker goes and comes back."""

from collections.abc import Callable

import pytest

from tests.support.polling import wait_until
from tests.support.stacks import Running, check_answers, check_callers
from tests.support.stream import PATIENCE_S

pytestmark = pytest.mark.kafka

# The client library may lose a broker that stops or starts for good (its issue 5301): only new clients help
# then, so a process that notices ends, saying this, and is started again. So does one whose request to join
# was taken and whose answer was lost with the broker: asking again, it is fenced by itself. For any other
# reason none may end.
CUT_OFF = ("has to start again", "no offsets from the broker: ", "Static consumer fenced")


def stop(system: Running) -> None:
    system.stack.stop("kafka")
    system.stack.revive("kafka")


def kill(system: Running) -> None:
    system.kill("kafka")


@pytest.mark.parametrize("end", [stop, kill])
def test_a_broker_that_comes_back_is_used_again_and_nothing_is_lost(
    system: Running, end: Callable[[Running], None]
) -> None:
    restarts = {each: system.restarts()[each] for each in system.services}
    name = "stopped" if end is stop else "killed"
    with system.load(name) as load, system.callers(name) as callers:
        with system.answers() as answers:
            answers.wait_for_more(200)
        asked = len(callers.replies)
        end(system)
        wait_until(lambda: len(callers.replies) > asked + 20, PATIENCE_S, "callers are answered meanwhile")
        system.wait_ready()
        load.wait_for_more(300)
        load.stop()
        callers.stop()
        system.wait_ready()
        again = {each for each in system.services if system.restarts()[each] > restarts[each]}
        # What a gateway answered by itself, and then ended, need not have come to the log.
        own = "gateway" if "gateway" in again else ""
        in_log = [
            each
            for each, reply in callers.replies.items()
            if reply.status == 200 and reply.document["source"] != own
        ]
        with system.answers() as answers:
            answers.wait_for_all([*load.sent, *in_log])
            system.wait_settled()
            answers.read()

    for each in again:
        assert any(why in system.stack.log_file(each).read_text() for why in CUT_OFF), each
    check_answers(load, answers)
    check_callers(callers, answers, forgiven=((0, 503) if "gateway" in again else ()).__contains__)
    system.check_archive()
