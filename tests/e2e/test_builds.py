"""Who deploys the deployer: other builds of rendezvous and extractor speak, and are silent again."""

import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from rendezvous_cli.main import app
from rendezvous_client.errors import MissingTopicError
from rendezvous_client.kafka import Kafka
from rendezvous_client.reading import TopicReader
from rendezvous_client.status import read_status
from rendezvous_contracts.topics import CONTROL, DECISIONS, INPUTS
from rendezvous_contracts.values import to_fields
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import Route
from scoring.v1.input_pb2 import Input
from typer.testing import CliRunner

from tests.support.broker import produce
from tests.support.control import control
from tests.support.polling import wait_until
from tests.support.service import service
from tests.support.stacks import check_answers
from tests.support.stream import PATIENCE_S, Answers, Load

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(600)]

MODULES = {"rendezvous": "rendezvous_service", "feature-extractor": "rendezvous_feature_extractor"}
# So long that no pause of a busy machine is taken for a defect: what is lost or stuck is late even so.
SLA_US = 5_000_000
TOLERANCE_US = 100_000
PARTITIONS = 4


@pytest.fixture(scope="module")
def twice(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker, and both services twice: the default build, and a build b that follows in silence."""
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp("builds")
        broker = stack.enter_context(Broker(folder / "kafka", short_lived=True)).bootstrap_servers
        create_topics(broker, PARTITIONS)
        # Without models every request is answered at once: it is the builds that are looked at.
        route = Route(name="wine", sla_us=SLA_US, default=to_fields({"quality": -1.0}))
        produce(broker, CONTROL, [control("c0", route).SerializeToString()])
        for build in ("", "b"):
            for module in MODULES.values():
                where = folder / f"{module}{build}"
                where.mkdir()
                stack.enter_context(service(module, broker, where, {"RENDEZVOUS_BUILD": build}))
        wait_until(lambda: are_set(broker), 2 * PATIENCE_S, "b follows the default build", every_s=0.5)
        yield broker


def are_set(broker: str) -> bool:
    """Whether the default build speaks on all partitions, and build b reads them and speaks on none."""
    every = list(range(PARTITIONS))
    try:
        words = read_status(Kafka(broker))
    except MissingTopicError:  # made a moment ago
        return False
    heard = [each.status for each in words.values() if each.status.ready]
    found = {(each.service, each.build): (list(each.partitions), list(each.speaks_on)) for each in heard}
    return found == {
        (name, build): (every, [] if build else every) for name in MODULES for build in ("", "b")
    }


def at(broker: str) -> tuple[str, str]:
    return "--bootstrap-servers", broker


def promote(broker: str, name: str, build: str) -> None:
    """Have *build* of the service *name* speak, and return once it does so everywhere."""
    result = CliRunner(env={"RENDEZVOUS_AUTHOR": "ada"}).invoke(
        app,
        [
            "promote-build",
            name,
            build,
            "--bootstrap-servers",
            broker,
            "--timeout",
            "60s",
            "-o",
            "json",
        ],
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)[0]["result"] == "done"


@pytest.mark.parametrize("name", MODULES)
def test_a_build_that_speaks_and_is_silent_again_loses_nothing_and_doubles_nothing(
    twice: str, name: str
) -> None:
    with Load(twice, PARTITIONS, name, rate=300.0) as load, Answers(twice, PARTITIONS) as answers:
        for build in ("b", "default"):
            go_on(load, answers)
            promote(twice, name, build)
        go_on(load, answers)
        load.stop()
        answers.wait_for_all(load.sent)
        decided = read_decided(twice, set(load.sent))
        answers.read()

    check_answers(load, answers)
    assert decided == dict.fromkeys(load.sent, 1)
    for request_id in load.sent:
        answer = answers.by_id[request_id][0].answer
        assert answer.answered_at_us - answer.deadline_us <= TOLERANCE_US
    for inputs in read_inputs(twice, set(load.sent)).values():
        named = [each.answering_build if name == "rendezvous" else each.next_build for each in inputs]
        assert runs(named) == ["", "b", ""]
        offsets = [each.request_offset for each in inputs]
        assert offsets == sorted(set(offsets))


def go_on(load: Load, answers: Answers) -> None:
    """Return once requests of *load* that were sent from now on are answered on every partition."""
    load.wait_for_more(300)
    answers.wait_for_all(list(load.sent))


def read_decided(broker: str, wanted: set[str]) -> dict[str, int]:
    """Return how many decisions there are of each request of *wanted*, once there is one of each."""
    found: dict[str, int] = defaultdict(int)
    with TopicReader(Kafka(broker), DECISIONS) as reader:

        def all_decided() -> bool:
            for message in reader.read(0.1):
                request_id = (message.key() or b"").decode()
                if request_id in wanted:
                    found[request_id] += 1
            return len(found) == len(wanted)

        wait_until(all_decided, PATIENCE_S, "all are decided", every_s=0.0)
    return dict(found)


def read_inputs(broker: str, wanted: set[str]) -> dict[int, list[Input]]:
    """Return the inputs of the requests in *wanted*, by partition."""
    found = defaultdict(list)
    with TopicReader(Kafka(broker), INPUTS) as reader:
        for message in reader.catch_up():
            parsed = Input.FromString(message.value() or b"")
            if parsed.id in wanted:
                found[message.partition()].append(parsed)
    return found


def runs(names: list[str]) -> list[str]:
    """Return *names* with each repetition left out."""
    return [name for place, name in enumerate(names) if place == 0 or names[place - 1] != name]


def test_a_build_without_processes_is_not_promoted(twice: str) -> None:
    result = CliRunner(env={"RENDEZVOUS_AUTHOR": "ada"}).invoke(
        app, ["promote-build", "rendezvous", "typo", *at(twice)]
    )
    assert result.exit_code == 1
    assert "no process of build typo of the rendezvous is ready on partitions 0, 1, 2, 3" in result.output
