"""The commands that read and change the control log, on a real broker; no service is up."""

import json
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

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
from rendezvous_client.kafka import Kafka
from rendezvous_contracts.topics import CONTROL
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import AbortRollout
from scoring.v1.flip23_pb2 import Flip23Model, Flip23Speculation
from typer.testing import CliRunner, Result

from tests.support.broker import consume_all, create_topic, produce, unique
from tests.support.control import asked
from tests.support.polling import wait_until

pytestmark = pytest.mark.kafka

PATIENCE_S = 60.0
MODELS = "".join(f"model: {name}@1\ntype: pmml\nartifact: {{data: x}}\n---\n" for name in ("a", "b"))


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    with Broker(tmp_path_factory.mktemp("kafka")) as broker:
        create_topics(broker.bootstrap_servers, 1)
        yield broker


class Cli:
    """Runs commands as an author."""

    def __init__(self, bootstrap_servers: str, author: str = "ada", **environment: str) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._environment = {
            "RENDEZVOUS_BOOTSTRAP_SERVERS": bootstrap_servers,
            "RENDEZVOUS_AUTHOR": author,
            **environment,
        }

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner(env=self._environment).invoke(app, arguments, input=stdin)

    def rows(self, *arguments: str, stdin: str = "", code: int = 0) -> list[Mapping[str, object]]:
        result = self.run(*arguments, "-o", "json", stdin=stdin)
        assert result.exit_code == code, result.output
        data = json.loads(result.stdout)
        return data if isinstance(data, list) else [data]

    def done(self, *arguments: str, stdin: str = "") -> None:
        assert {row["result"] for row in self.rows(*arguments, stdin=stdin)} == {"done"}

    def refused(self, *arguments: str, stdin: str = "") -> str:
        (row,) = self.rows(*arguments, stdin=stdin, code=1)
        assert row["result"] == "refused"
        return str(row["detail"])

    def messages(self) -> int:
        return len(consume_all(self.bootstrap_servers, "control"))


def policy(route: str, model: str = "a@1", *, more: str = "") -> str:
    return f"route: {route}\nsla: 50ms\nschedule: [{{use: {model}}}]\ndefault: {{quality: 5.6}}\n{more}"


@pytest.fixture
def cli(broker: Broker) -> Cli:
    cli = Cli(broker.bootstrap_servers)
    cli.rows("apply", "-f", "-", stdin=MODELS)
    return cli


def test_a_ramp_is_promoted_and_undone_and_the_history_tells(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin=policy("ramped"))
    cli.done("ramp", "ramped", "a@1=90%", "b@1=10%", "--reason", "a try")
    cli.done("promote", "ramped")
    cli.done("undo", "ramped", "--to-revision", "1")
    (unchanged,) = cli.rows("undo", "ramped", "--to-revision", "1")

    assert unchanged["result"] == "unchanged"
    rows = cli.rows("history", "ramped")
    assert [(row["revision"], row["says"]) for row in rows] == [
        (4, "use a@1"),
        (3, "use b@1"),
        (2, "use 90% a@1, 10% b@1"),
        (1, "use a@1"),
    ]
    assert rows[2]["reason"] == "a try"


def test_a_roll_out_is_tried_begun_promoted_and_aborted(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin=policy("rolled"))
    assert cli.rows("status", "rolled")[0]["outcome"] == "none"
    begin = ("rollout", "rolled", "--to", "b@1", "--steps", "10%,100%", "--gate", "p99_ms<20")
    assert cli.rows(*begin, "--dry-run")[0]["result"] == "possible"
    assert "has no canary" in cli.refused(*begin, "--gate", "mean_abs_delta(canary)<1", "--dry-run")
    assert cli.rows("status", "rolled")[0]["outcome"] == "none"

    cli.done(*begin)
    cli.done("promote", "rolled")

    (row,) = cli.rows("status", "rolled", code=4)
    assert (row["step"], row["share"], row["detail"]) == ("1 of 2", "10%", "promoted by hand")
    assert "is under way, at step 1: abort it first" in cli.refused("ramp", "rolled", "b@1=100%")
    cli.done("pause", "rolled")
    (row,) = cli.rows("status", "rolled", "--watch", "--timeout", "100ms", code=5)
    assert row["now"] == "no operator has said anything of this step yet"
    cli.done("resume", "rolled")
    (row,) = cli.rows("get", "rollouts", "rolled")
    assert (row["outcome"], row["gates"], row["paused"]) == ("running", ["p99_ms<20"], "")
    cli.done("abort", "rolled")
    (row,) = cli.rows("status", "rolled", "--watch", code=1)
    assert (row["outcome"], row["revision"]) == ("aborted", 4)

    cli.done(*begin)
    cli.done("promote", "rolled")
    cli.done("promote", "rolled")
    assert cli.rows("status", "rolled")[0]["outcome"] == "done"
    assert cli.rows("get", "routes", "rolled")[0]["rules"] == ["use b@1"]


def test_a_roll_out_that_is_watched_ends_with_the_code_of_status(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin=policy("watched"))
    begin = ("rollout", "watched", "--to", "b@1", "--steps", "10%,100%", "--watch")
    # One command at a time: each has the standard streams to itself.
    with ThreadPoolExecutor(1) as pool, ControlReader(Kafka(cli.bootstrap_servers)) as reader:
        watching = pool.submit(cli.rows, *begin, code=1)
        wait_until(lambda: reader.catch_up().routes["watched"].rolling, PATIENCE_S, "it has begun")
        abort = asked("abort-watched", AbortRollout(route="watched"))
        produce(cli.bootstrap_servers, CONTROL, [abort.SerializeToString()])
        (row,) = watching.result(PATIENCE_S)

    assert (row["to"], row["outcome"]) == ("b@1", "aborted")


def test_a_paused_route_refuses_and_says_who_paused_it(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin=policy("paused"))
    cli.done("pause", "paused", "--author", "bob", "--reason", "an incident")

    assert "paused by bob (an incident): resume it first" in cli.refused("promote", "paused", "--to", "b@1")
    published = cli.messages()
    assert cli.rows("pause", "paused")[0]["result"] == "unchanged"
    assert cli.messages() == published

    cli.done("resume", "paused")
    cli.done("promote", "paused", "--to", "b@1")


def test_a_champion_needs_a_second_author(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin="model: mine@1\ntype: pmml\nartifact: {data: x}\n")
    guarded = policy("guarded", "mine@1", more="requires_approval: true\n")
    assert "mine@1 has none" in str(cli.rows("apply", "-f", "-", stdin=guarded, code=1)[0]["detail"])
    assert "somebody else has to approve it" in cli.refused("approve", "mine@1")

    cli.done("approve", "mine@1", "--author", "bob")

    assert cli.rows("apply", "-f", "-", stdin=guarded)[0]["result"] == "created"
    assert cli.rows("get", "models", "mine@1")[0]["approved"] == ["bob"]


def test_a_diff_tells_and_changes_nothing(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin=policy("compared"))
    published = cli.messages()

    same = cli.run("diff", "-f", "-", stdin=policy("compared"))
    changed = cli.run("diff", "-f", "-", stdin=policy("compared", "b@1"))
    wrong = cli.run("diff", "-f", "-", stdin="route: compared\n")

    assert (same.exit_code, same.stdout, same.stderr) == (0, "", "nothing would change\n")
    assert changed.exit_code == 1
    assert "-- use: a@1\n+- use: b@1\n" in changed.stdout
    assert (wrong.exit_code, "-:1: the document: sla is missing" in wrong.stderr) == (2, True)
    assert cli.messages() == published


def test_the_state_of_then_is_shown_at_an_offset_and_at_a_time(cli: Cli) -> None:
    (first,) = cli.rows("apply", "-f", "-", stdin=policy("aged"))
    between = time.time_ns() // 1_000_000
    while time.time_ns() // 1_000_000 <= between:
        pass  # a stamp of the log is a whole millisecond
    cli.done("promote", "aged", "--to", "b@1")
    # Stamped by the one clock of this machine, to the millisecond.
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(between // 1000)) + f".{between % 1000:03}Z"

    for at in (str(first["offset"]), moment):
        (row,) = cli.rows("get", "routes", "aged", "--at", at)
        assert (row["revision"], row["rules"]) == (1, ["use a@1"])
    assert cli.rows("get", "routes", "aged")[0]["rules"] == ["use b@1"]
    before = cli.run("get", "routes", "aged", "--at", "0")
    assert (before.exit_code, "there is no route aged" in before.stderr) == (1, True)


def test_deployments_come_are_scaled_and_go(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin="model: lone@1\ntype: pmml\nartifact: {data: x}\n")
    text = "deployment: lone\nmodel: lone@1\nreplicas: 2\n"
    assert cli.rows("apply", "-f", "-", stdin=text)[0]["detail"] == "generation 1"
    assert cli.rows("apply", "-f", "-", stdin=text)[0]["result"] == "unchanged"
    cli.done("scale", "lone", "3")
    assert cli.rows("get", "deployments", "lone")[0]["runs"] == "3 x lone@1"
    assert "is deployed as lone" in cli.refused("remove", "lone@1")

    cli.done("undeploy", "lone")

    assert cli.run("get", "deployments", "lone").exit_code == 1
    cli.done("remove", "lone@1")


def test_the_audit_finds_what_was_refused_and_what_nobody_can_read(cli: Cli) -> None:
    start = cli.messages()
    produce(cli.bootstrap_servers, "control", [b"\xff\xff"])
    cli.rows("apply", "-f", "-", stdin=policy("audited"))

    rows = cli.rows("audit", "--since", str(start))

    assert [(row["result"], row["about"]) for row in rows] == [("refused", ""), ("applied", "audited")]
    assert [row["offset"] for row in cli.rows("audit", "--search", "AUDITED", "--route", "audited")] == [
        start + 1
    ]


def test_a_description_is_yaml_and_names_what_was_asked_for(cli: Cli) -> None:
    cli.rows("apply", "-f", "-", stdin=policy("described"))

    (record,) = cli.rows("describe", "route", "described")

    assert record["rules"] == ["use a@1"]
    assert "asked for:\n" in cli.run("describe", "model", "a@1").stdout


def test_the_models_of_another_system_are_taken_over_as_they_are(cli: Cli, tmp_path: Path) -> None:
    cli.rows("apply", "-f", "-", stdin=policy("grapes"))
    (tmp_path / "far.pmml").write_bytes(b"<PMML/>")
    topic, timeouts = (create_topic(cli.bootstrap_servers, unique(name)) for name in ("models", "timeouts"))
    here = Flip23Model(name="Grapes Forest", data_type="grapes", model_type=1, data=b"<PMML/>")
    far = Flip23Model(name="far", model_type=1, location="far.pmml")
    out = Flip23Model(name="out", model_type=1, location="file:///etc/passwd")
    records = [here, far, out, Flip23Model(name="odd", model_type=7, data=b"x")]
    produce(cli.bootstrap_servers, topic, [b"\xff", *(each.SerializeToString() for each in records)])
    wait = Flip23Speculation(data_type="grapes", timeout_ms=70)
    produce(cli.bootstrap_servers, timeouts, [wait.SerializeToString()])
    bridge = ("bridge", "--topic", topic, "--timeouts", timeouts, "--dialect", "tensorflow-pmml", "--once")

    first = cli.run(*bridge, "--promote", "--root", str(tmp_path))
    published = cli.messages()
    second = cli.run(*bridge, "--promote", "--root", str(tmp_path))

    assert first.exit_code == second.exit_code == 0, first.output
    told = first.stderr.splitlines()
    assert [" taken over" in line for line in told] == [False, True, True, True, False, False, True]
    assert "refused: not a ModelDescriptor" in told[0]
    assert "there is no file file:///etc/passwd in" in told[4]
    assert "model type 7 is none of the dialect" in told[5]
    (row,) = cli.rows("get", "routes", "grapes")
    version = sha256(b"<PMML/>").hexdigest()[:12]
    assert (row["rules"], row["sla"]) == ([f"use grapes-forest@{version}"], "70ms")
    assert cli.messages() == published
    assert " taken over" not in second.stderr


def test_with_a_key_ring_only_signed_changes_count(broker: Broker, cli: Cli, tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ring, pem = tmp_path / "keys.yaml", tmp_path / "ada.pem"
    ring.write_text(f"since: {cli.messages()}\nauthors: {{ada: [{b64encode(public).decode()}]}}\n")
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signing = Cli(
        broker.bootstrap_servers, RENDEZVOUS_CONTROL_KEYS=str(ring), RENDEZVOUS_SIGNING_KEY=str(pem)
    )
    published = cli.messages()

    unsigned = Cli(broker.bootstrap_servers, RENDEZVOUS_CONTROL_KEYS=str(ring))
    (row,) = unsigned.rows("apply", "-f", "-", stdin=policy("signed"), code=1)
    assert "not signed" in str(row["detail"])
    (row,) = signing.rows("apply", "-f", "-", "--author", "bob", stdin=policy("signed"), code=1)
    assert "'bob', has no key" in str(row["detail"])
    assert cli.messages() == published

    assert signing.rows("apply", "-f", "-", stdin=policy("signed"))[0]["result"] == "created"
    cli.done("promote", "signed", "--to", "b@1")  # by who does not know of the ring
    assert signing.rows("get", "routes", "signed")[0]["revision"] == 1
    newest = signing.rows("audit", "--since", str(published))
    assert [(row["result"], row["signed"]) for row in newest] == [("applied", True), ("refused", False)]
