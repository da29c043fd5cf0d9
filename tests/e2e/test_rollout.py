"""
Roll-outs on real processes, under a key ring: the operator drives them, and outlives a kill.

Of the system there is what a request passes: one container scores with all models, the canary's too, and one
asks a server that is right and slow.
"""

import json
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from rendezvous_cli.main import app
from rendezvous_client.control import ControlReader
from rendezvous_client.errors import ClientError
from rendezvous_client.kafka import Kafka
from rendezvous_client.log import read_log
from rendezvous_contracts.names import parse_model_id
from rendezvous_contracts.routes import describe_tier
from rendezvous_contracts.topics import CONTROL
from rendezvous_control.signatures import KeyRing
from rendezvous_control.state import Outcome, RolloutEntry, RouteEntry
from rendezvous_local.broker import Broker
from rendezvous_local.ports import free_port
from rendezvous_local.services import Surroundings, core_services, model_service, process_of
from rendezvous_local.supervisor import Supervisor
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import Model, Route, StepRollout, StepVerdict
from typer.testing import CliRunner

from tests.support import onnx_models
from tests.support.broker import produce
from tests.support.control import control, model
from tests.support.lateness import TOLERANCE_US, blame, extracted, run_queue
from tests.support.polling import wait_until
from tests.support.remote_http import Handler, Server
from tests.support.stacks import (
    CHAMPION,
    FACTORS,
    RUNNER_UP,
    check_answers,
    wine_route,
)
from tests.support.stalling import RunQueue
from tests.support.stream import Answers, Load

pytestmark = pytest.mark.kafka

# The models and the route with which the log begins.
UNSIGNED = 5
PARTITIONS = 4
READY_S = 150.0
SLA_US = 1_000_000
STARTED = ("feature-extractor", "rendezvous", "operator")
RATE = 80.0
WARM = 160
RETRIES = 5
PATIENCE_S = 90.0
# Wine has 8 to 14 % of alcohol: the runner-up lies 0.2 times that from the canary, the champion 0.4 times.
PLAN = ("--steps", "1%,50%,100%", "--every", "2s", "--gate", "mean_abs_delta(canary)<3")
# Says what the runner-up says, 250 ms later.
SLOW = "wine-slow@1"
SLOW_S = 0.25
SLOW_GATE = ("--gate", "p99_ms<200")


@dataclass
class Driven:
    """The whole system, and the command line of who has a key to it."""

    broker: Broker
    services: Supervisor
    ring: Path
    environment: dict[str, str]

    def run(self, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
        runner = CliRunner(env=self.environment)
        result = runner.invoke(app, [*arguments, "-o", "json"])
        for _ in range(RETRIES):
            # A broker on a busy machine; what was asked for in vain can be asked for again.
            if self.broker.bootstrap_servers not in result.stderr:
                break
            result = runner.invoke(app, [*arguments, "-o", "json"])
        assert result.exit_code == code, result.output
        rows: list[dict[str, Any]] = json.loads(result.stdout)
        return rows

    def reader(self) -> ControlReader:
        return ControlReader(
            Kafka(self.broker.bootstrap_servers, timeout_s=30.0), KeyRing.read(self.ring.read_text(), "keys")
        )

    def steps(self, model: str) -> list[tuple[str, StepRollout]]:
        """What was said of the roll-out of *model*, and by whom; what was refused is none of it."""
        _, entries = read_log(
            Kafka(self.broker.bootstrap_servers, timeout_s=30.0), KeyRing.read(self.ring.read_text(), "keys")
        )
        rolled, found = "", []
        for entry in entries:
            if entry.message is None or entry.refused:
                continue
            if entry.message.HasField("start_rollout"):
                rolled = entry.message.start_rollout.to
            if entry.message.HasField("step_rollout") and rolled == model:
                found.append((entry.message.author, entry.message.step_rollout))
        return found


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Driven]:
    folder = tmp_path_factory.mktemp("rollout")
    public = {name: _make_key(folder / f"{name}.pem") for name in ("ada", "operator")}
    authors = ", ".join(f"{name}: [{key}]" for name, key in public.items())
    ring = folder / "keys.yaml"
    ring.write_text(f"since: {UNSIGNED}\nauthors: {{{authors}}}\n")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RENDEZVOUS_CONTROL_KEYS", str(ring))
        environment.setenv("RENDEZVOUS_OPERATOR_KEY", str(folder / "operator.pem"))
        with Server() as slow, Broker(folder / "kafka", heap="256m", short_lived=True) as broker:
            slow.behave = answer_late
            begin(broker, slow)
            with Supervisor(folder) as services:
                start(services, broker, folder)
                warm_up(broker.bootstrap_servers)
                given = {
                    "RENDEZVOUS_BOOTSTRAP_SERVERS": broker.bootstrap_servers,
                    "RENDEZVOUS_AUTHOR": "ada",
                    "RENDEZVOUS_SIGNING_KEY": str(folder / "ada.pem"),
                }
                yield Driven(broker, services, ring, given)


def begin(broker: Broker, slow: Server) -> None:
    """Have three models, of which the champion answers on the route wine, and one that *slow* answers for."""
    create_topics(broker.bootstrap_servers, PARTITIONS)
    changes: list[Model | Route] = [*map(linear, FACTORS), remote(slow), wine_route(CHAMPION, sla_us=SLA_US)]
    assert len(changes) == UNSIGNED
    messages = [control(f"c{place}", change).SerializeToString() for place, change in enumerate(changes)]
    produce(broker.bootstrap_servers, CONTROL, messages)


def linear(name: str) -> Model:
    """The model that says its factor times alcohol; ONNX, which is loaded in no time."""
    called = parse_model_id(name)
    program = onnx_models.program(
        "linear (double[N,1] alcohol) => (double[N,1] quality) "
        f"{{ factor = Constant<value = double[1] {{{FACTORS[name]}}}>() quality = Mul(alcohol, factor) }}"
    )
    made = model(called.name, called.version, program.SerializeToString())
    made.type = "onnx"
    return made


def remote(server: Server) -> Model:
    """The model that *server* answers for."""
    called = parse_model_id(SLOW)
    document = {
        "url": server.url,
        "body": {"rows": {"$each": {"alcohol": {"$field": "alcohol"}}}},
        "rows": "/rows",
        "outputs": {"quality": "/alcohol"},
    }
    made = model(called.name, called.version, json.dumps(document).encode())
    made.type = "json-http"
    return made


def answer_late(server: Server, handler: Handler) -> None:
    time.sleep(SLOW_S)
    rows = [{"alcohol": row["alcohol"] * FACTORS[RUNNER_UP]} for row in server.posts[-1]["rows"]]
    handler.answer(200, json.dumps({"rows": rows}).encode())


def start(services: Supervisor, broker: Broker, folder: Path) -> None:
    container = model_service(parse_model_id(CHAMPION), folder)
    container.env["RENDEZVOUS_MODEL"] = ",".join(FACTORS)
    slow = model_service(parse_model_id(SLOW), folder)
    core = [each for each in core_services(0, folder, folder) if each.name in STARTED]
    around = Surroundings(broker.bootstrap_servers, folder, "INFO")
    for each in (*core, container, slow):
        services.start(process_of(each, around, free_port()))
    services.wait_ready([*STARTED, container.name, slow.name], READY_S)


def warm_up(bootstrap: str) -> None:
    """The first answers of processes that have just begun are slow, and no model's merit or fault."""
    with (
        Load(bootstrap, PARTITIONS, "warm", rate=RATE, most=WARM) as load,
        Answers(bootstrap, PARTITIONS) as answers,
    ):
        load.join(PATIENCE_S)
        answers.wait_for_all(load.sent)


def _make_key(pem: Path) -> str:
    key = Ed25519PrivateKey.generate()
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(public).decode()


def follow(driven: Driven, reader: ControlReader, reached: Callable[[RolloutEntry], bool]) -> RouteEntry:
    """Return the route once its roll-out has *reached* that; what a busy machine left open is resumed."""

    def found() -> RouteEntry | None:
        try:
            entry = reader.catch_up().routes["wine"]
        except ClientError:  # a broker on a busy machine: it is asked again
            return None
        if entry.rolling and entry.paused:
            driven.run("resume", "wine")
        return entry if entry.rollout and reached(entry.rollout) else None

    entry = wait_until(found, PATIENCE_S, "the roll-out is as far as that", every_s=0.2)
    assert entry is not None
    return entry


def has_ended(rollout: RolloutEntry) -> bool:
    return rollout.outcome is not Outcome.RUNNING


def test_a_good_model_is_rolled_out_and_a_bad_one_is_taken_back_while_the_operator_is_killed(
    driven: Driven,
) -> None:
    bootstrap, services = driven.broker.bootstrap_servers, driven.services
    with (
        run_queue(services.status(), driven.broker.pid) as queue,
        driven.reader() as reader,
        Load(bootstrap, PARTITIONS, "rolled", rate=RATE) as load,
    ):
        driven.run("rollout", "wine", "--to", RUNNER_UP, *PLAN)
        follow(driven, reader, lambda rollout: rollout.step > 0)
        services.kill("operator")
        good = follow(driven, reader, has_ended)

        driven.run("rollout", "wine", "--to", CHAMPION, *PLAN)
        bad = follow(driven, reader, has_ended)
        load.stop()

    assert good.rollout is not None
    assert (good.rollout.outcome, describe_tier(good.current.route.schedule[0])) == (
        Outcome.DONE,
        f"use {RUNNER_UP}",
    )
    check_taken_back(bad.rollout)
    assert bad.current.route == good.current.route
    check_log(driven)
    check_answered(bootstrap, load, queue)


def test_a_model_that_is_right_and_slow_is_taken_back_as_a_shadow_and_delays_nobody(driven: Driven) -> None:
    bootstrap = driven.broker.bootstrap_servers
    with (
        run_queue(driven.services.status(), driven.broker.pid) as queue,
        driven.reader() as reader,
        Load(bootstrap, PARTITIONS, "slowly", rate=RATE) as load,
    ):
        before = reader.catch_up().routes["wine"].current.route
        driven.run("rollout", "wine", "--to", SLOW, *PLAN, *SLOW_GATE)
        after = follow(driven, reader, has_ended)
        load.stop()

    assert after.rollout is not None
    assert (after.rollout.plan.to, after.rollout.step, after.rollout.outcome) == (SLOW, 0, Outcome.FAILED)
    assert after.rollout.detail.startswith("p99_ms<200: ")
    assert after.current.route == before
    check_answered(bootstrap, load, queue)


def check_answered(bootstrap: str, load: Load, queue: RunQueue) -> None:
    """Each was answered once, rightly, and none late but by what the machine held up."""
    with Answers(bootstrap, PARTITIONS) as answers:
        answers.wait_for_all(load.sent)
        check_answers(load, answers)
        given = [answers.by_id[name][0].answer for name in load.sent]
    late = dict(blame(given, extracted(bootstrap), queue))
    assert {name: us for name, us in late.items() if us > TOLERANCE_US} == {}


def check_taken_back(rollout: RolloutEntry | None) -> None:
    assert rollout is not None
    assert (rollout.plan.to, rollout.outcome) == (CHAMPION, Outcome.FAILED)
    assert rollout.stamp.author == "operator"
    assert rollout.stamp.reason.startswith("fail: step 0 (shadow) of the roll-out of ")
    assert "mean_abs_delta(canary)<3: 4." in rollout.detail


def check_log(driven: Driven) -> None:
    """Each step was taken once, and who looks later finds each verdict with its figures."""
    passed = [
        step.step for author, step in driven.steps(RUNNER_UP) if step.verdict == StepVerdict.STEP_VERDICT_PASS
    ]
    assert passed == [0, 1, 2]
    assert {author for author, _ in driven.steps(RUNNER_UP)} == {"operator"}
    (status,) = driven.run("status", "wine", code=1)
    assert (status["outcome"], status["by"]) == ("failed", "operator")
    history = driven.run("history", "wine")
    assert history[0]["change"] == "step rollout"
    assert "mean_abs_delta(canary)<3: 4." in history[0]["reason"]
