"""The command line against the whole system: a real broker and every service as a process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest
import yaml
from confluent_kafka.admin import AdminClient
from google.protobuf.unknown_fields import UnknownFieldSet
from rendezvous_cli.main import app
from rendezvous_contracts.channels import CHANNELS, DEAD_LETTER_HEADERS
from rendezvous_local.settings import LocalSettings
from rendezvous_local.stack import GATEWAY, KAFKA, LocalStack
from typer.testing import CliRunner, Result

from tests.support.broker import consume_all, produce
from tests.support.openapi import check_answer, services_openapi
from tests.support.polling import wait_until

pytestmark = pytest.mark.kafka

ROUTE = """\
route: wine
sla: 500ms
default: {quality: 5.6}
inputs: {alcohol: number, colour: {type: text, optional: true}}
"""
MODEL = "model: wine-forest@1\ntype: pmml\nquality: 0.6\nartifact: {path: forest.pmml}\n"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    folder = tmp_path_factory.mktemp("stack")
    with LocalStack(LocalSettings(data_dir=folder, kafka_port=0, gateway_port=0)) as stack:
        yield stack


class Cli:
    """Runs commands against *stack*, in the folder of a test."""

    def __init__(self, stack: LocalStack, folder: Path) -> None:
        self._environment = {
            "RENDEZVOUS_BOOTSTRAP_SERVERS": stack.bootstrap_servers,
            "RENDEZVOUS_GATEWAY": stack.url(GATEWAY),
            "RENDEZVOUS_AUTHOR": "ada",
        }
        self.bootstrap_servers = stack.bootstrap_servers
        self.folder = folder

    def run(self, *arguments: str, stdin: str = "") -> Result:
        return CliRunner(env=self._environment).invoke(app, arguments, input=stdin)

    def data(self, *arguments: str, stdin: str = "", code: int = 0) -> list[dict[str, object]]:
        result = self.run(*arguments, "-o", "json", stdin=stdin)
        assert result.exit_code == code, result.stderr
        data = json.loads(result.stdout)
        return data if isinstance(data, list) else [data]

    def apply(self, text: str, code: int = 0) -> list[tuple[object, object]]:
        path = self.folder / "policy.yaml"
        path.write_text(text)
        return [(row["name"], row["result"]) for row in self.data("apply", "-f", str(path), code=code)]

    def messages(self) -> int:
        return len(consume_all(self.bootstrap_servers, "control"))


@pytest.fixture
def cli(stack: LocalStack, tmp_path: Path) -> Cli:
    (tmp_path / "forest.pmml").write_text("<PMML/>")
    return Cli(stack, tmp_path)


def renamed(name: str) -> str:
    return ROUTE.replace("wine", name)


def test_a_file_applied_again_changes_nothing(cli: Cli) -> None:
    assert cli.apply(f"{renamed('twice')}---\n{MODEL}") == [
        ("wine-forest@1", "created"),
        ("twice", "created"),
    ]
    published = cli.messages()

    assert cli.apply(f"{renamed('twice')}---\n{MODEL}") == [
        ("wine-forest@1", "unchanged"),
        ("twice", "unchanged"),
    ]

    assert cli.messages() == published


def test_a_change_is_a_new_revision_that_every_service_acknowledges(cli: Cli) -> None:
    cli.apply(renamed("changed"))

    result = cli.run("apply", "-f", "-", "--reason", "a test", stdin=renamed("changed").replace("5.6", "6.5"))

    assert (result.exit_code, result.stderr) == (0, "acknowledged by 5 services\n")
    newest, oldest = cli.data("get", "revisions", "changed")
    assert (newest["revision"], newest["current"], newest["author"], newest["reason"]) == (
        2,
        "yes",
        "ada",
        "a test",
    )
    assert (newest["default"], oldest["default"]) == ({"quality": 6.5}, {"quality": 5.6})


def test_a_document_that_the_fold_refuses_is_told_and_not_published(cli: Cli) -> None:
    published = cli.messages()
    path = cli.folder / "refused.yaml"
    path.write_text(renamed("refused") + "schedule: [{use: nobody@1}]\n")

    result = cli.run("apply", "-f", str(path))

    assert result.exit_code == 1
    assert "nobody@1 is not registered: add it first" in result.stdout
    assert f"{path}:1" in result.stdout
    assert cli.messages() == published


def test_a_model_is_described_anew_and_its_artifact_is_not_exchanged(cli: Cli) -> None:
    model = MODEL.replace("forest@1", "forest@7")
    cli.apply(model)

    assert cli.apply(model.replace("0.6", "0.7")) == [("wine-forest@7", "updated")]
    (cli.folder / "forest.pmml").write_text("<PMML>another</PMML>")
    assert cli.apply(model, code=1) == [("wine-forest@7", "refused")]
    (row,) = cli.data("get", "models", "wine-forest@7")
    assert (row["quality"], row["state"], row["bytes"]) == (0.7, "not loaded", 7)


def test_what_is_shown_as_yaml_can_be_applied_again(cli: Cli) -> None:
    cli.apply(renamed("shown"))

    (row,) = yaml.safe_load(cli.run("get", "routes", "shown", "-o", "yaml").stdout)

    assert cli.apply(yaml.safe_dump(row["policy"], sort_keys=False)) == [("shown", "unchanged")]


def test_services_are_listed_with_how_far_they_are(cli: Cli) -> None:
    cli.apply(renamed("listed"))

    rows = cli.data("get", "services")

    assert {row["service"] for row in rows} >= {"gateway", "feature-extractor", "rendezvous", "decoy"}
    assert {row["state"] for row in rows} == {"ready"}
    assert {row["control"] for row in rows} == {f"{cli.messages()} of {cli.messages()}"}


def test_what_is_not_there_is_named_with_what_is(cli: Cli) -> None:
    cli.apply(renamed("there"))

    result = cli.run("get", "routes", "nowhere")

    assert result.exit_code == 1
    assert result.stderr.startswith("error: there is no route nowhere; there are: ")


def asked(cli: Cli, *arguments: str, stdin: str = "") -> list[dict[str, object]]:
    return cli.data("send", *arguments, stdin=stdin)


@pytest.mark.parametrize("way", [[], ["--kafka"]], ids=["gateway", "kafka"])
def test_a_question_is_answered_with_where_the_answer_comes_from(cli: Cli, way: list[str]) -> None:
    name = "asked-over" + "-".join(way).strip("-")
    cli.apply(renamed(name))

    (answer,) = asked(cli, name, "--field", "alcohol=9.4", "--field", "colour=7", "--budget", "200ms", *way)

    assert (answer["route"], answer["outputs"], answer["source"]) == (name, {"quality": 5.6}, "default")
    assert (answer["revision"], answer["model"], answer["extractor"]) == (1, "", "pass-through")
    assert answer["reason"]


@pytest.mark.parametrize("way", [[], ["--kafka"]], ids=["gateway", "kafka"])
def test_a_question_asked_again_gets_the_same_answer(cli: Cli, way: list[str]) -> None:
    cli.apply(renamed("again"))
    question = ["again", "--field", "alcohol=9.4", "--id", f"again{way}", *way]

    first, second = asked(cli, *question), asked(cli, *question)

    assert decided(first[0]) == decided(second[0])


def decided(answer: Mapping[str, object]) -> dict[str, object]:
    return {key: answer[key] for key in ("id", "outputs", "source", "revision", "reason", "elapsed_ms")}


@pytest.mark.parametrize("way", [[], ["--kafka"]], ids=["gateway", "kafka"])
def test_each_row_of_a_file_is_asked(cli: Cli, way: list[str]) -> None:
    cli.apply(renamed("rows"))
    path = cli.folder / "rows.csv"
    path.write_text("alcohol;colour\n9.4;red\n9.8;\n10;7\n")

    from_file = asked(cli, "rows", "--file", str(path), *way)
    from_stdin = asked(cli, "rows", "--file", "-", *way, stdin='{"alcohol": 1}\n{"alcohol": 2.5}\n')

    assert [answer["source"] for answer in from_file] == ["default"] * 3
    assert [answer["source"] for answer in from_stdin] == ["default"] * 2
    assert len({answer["id"] for answer in from_file + from_stdin}) == 5


def test_what_the_route_does_not_take_is_said(cli: Cli) -> None:
    cli.apply(renamed("strict"))

    wrong = cli.run("send", "strict", "--field", "alcohol=much")
    unknown = cli.run("send", "nowhere", "--field", "alcohol=1")
    over_kafka = cli.run("send", "nowhere", "--field", "alcohol=1", "--kafka")

    assert (wrong.exit_code, unknown.exit_code, over_kafka.exit_code) == (1, 1, 1)
    assert "alcohol: expected a number, got text 'much'" in wrong.stderr
    assert "there is no route 'nowhere'" in unknown.stderr
    assert "there is no route nowhere; there are: " in over_kafka.stderr


def test_a_service_that_hangs_is_named_after_the_timeout_and_then_not_counted_on(
    cli: Cli, stack: LocalStack
) -> None:
    (pid,) = [process.pid for process in stack.status() if process.name == "decoy"]
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        result = cli.run("apply", "-f", "-", "--timeout", "300ms", stdin=renamed("waiting"))
        assert (result.exit_code, "acknowledged within 0.3 s by decoy-0:" in result.stderr) == (3, True)
        assert cli.data("get", "routes", "waiting")[0]["revision"] == 1

        wait_until(lambda: cli.data("get", "services", "decoy-0")[0]["state"] == "silent", 15, "silence")
        changed = cli.run("apply", "-f", "-", stdin=renamed("waiting").replace("5.6", "6.5"))
        assert (changed.exit_code, changed.stderr) == (0, "acknowledged by 4 services\n")
    finally:
        os.kill(pid, signal.SIGCONT)


def test_an_answer_is_explained_and_what_goes_on_is_watched(cli: Cli) -> None:
    cli.apply(renamed("told"))
    cli.data("send", "told", "--field", "alcohol=9.4", "--id", "why")
    wait_until(lambda: cli.run("explain", "told", "why", "-o", "json").exit_code == 0, 30, "it is answered")

    (told,) = cli.data("explain", "told", "why")
    assert str(told["summary"]).endswith(": the route has no model yet.")
    assert "The route's default was given" in cli.run("explain", "told", "why").stdout
    missing = cli.run("explain", "told", "nobody")
    assert (missing.exit_code, "look further back" in missing.stderr) == (1, True)

    frame = cli.run("watch", "told", "--once")
    assert (frame.exit_code, "told  revision 1" in frame.stdout) == (0, True)
    assert "gateway-0" in frame.stdout
    assert cli.run("watch", "nowhere").exit_code == 1


def test_a_route_is_shown_again_when_it_changes(cli: Cli) -> None:
    cli.apply(renamed("followed"))
    command = [sys.executable, "-c", "from rendezvous_cli.main import app; app()"]
    arguments = ["get", "routes", "followed", "--watch", "-o", "json", "-b", cli.bootstrap_servers]
    with subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        try:
            # The first list ends with its bracket, in a line by itself.
            assert '"revision": 1' in "".join(iter(watching.stdout.readline, "]\n"))
            cli.apply(renamed("followed").replace("5.6", "6.5"))
            assert json.loads(watching.stdout.readline())["revision"] == 2
            watching.send_signal(signal.SIGINT)
            assert watching.wait(30) == 130
        finally:
            watching.kill()
    at = cli.run("get", "routes", "--watch", "--at", "0")
    assert (at.exit_code, "leave out --at" in at.stderr) == (2, True)


def test_the_topics_are_as_they_are_described(cli: Cli) -> None:
    cli.apply(renamed("described"))
    cli.data("send", "described", "--field", "alcohol=9.4", "--id", "described")
    produce(cli.bootstrap_servers, "requests", [b"\xff"])
    wait_until(lambda: cli.run("explain", "described", "described").exit_code == 0, 30, "it is decided")
    wait_until(lambda: consume_all(cli.bootstrap_servers, "dead-letters"), 30, "what is no request is told")

    assert topic_names(cli.bootstrap_servers) == {channel.topic for channel in CHANNELS}
    for channel in CHANNELS:
        records = consume_all(cli.bootstrap_servers, channel.topic)
        assert records or channel.topic in {"scores", "outcomes"}
        for record in records:
            # One of the requests is what this test did.
            if channel.message is not None and record.value != b"\xff":
                message = channel.message.FromString(record.value or b"")
                assert message.ListFields(), channel.topic
                assert len(UnknownFieldSet(message)) == 0, channel.topic
        headers = {name for record in records for name in record.headers}
        assert headers <= set(channel.headers), channel.topic
    assert set(DEAD_LETTER_HEADERS) <= set(consume_all(cli.bootstrap_servers, "dead-letters")[0].headers)


def test_the_doctor_looks_at_all_and_says_what_to_do(cli: Cli) -> None:
    scheduled = renamed("examined").replace("default:", "schedule: [{use: wine-forest@1}]\ndefault:")
    cli.apply(f"{MODEL}---\n{scheduled}")

    rows = cli.data("doctor", code=1)

    found = {str(row["what"]): row for row in rows}
    nobody = found["route examined: no container is ready with wine-forest@1"]
    assert nobody["level"] == "bad"
    assert nobody["todo"] == "deploy it, or start a container with MODEL=wine-forest@1"
    assert [row["what"] for row in rows if row["check"] == "topics"] == [f"all {len(CHANNELS)}, 4 partitions"]
    assert {row["check"] for row in rows} >= {"services", "control log", "clocks", "models", "artifacts"}


def topic_names(bootstrap_servers: str) -> set[str]:
    topics = (
        AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0}).list_topics(timeout=20).topics
    )
    return {name for name in topics if not name.startswith("__")}


def test_the_services_answer_as_it_is_described(cli: Cli, stack: LocalStack) -> None:
    cli.apply(MODEL)
    paths = {
        path: item["get"]
        for path, item in services_openapi()["paths"].items()
        if item["get"]["tags"] == ["every service"] and path != "/metrics"
    }
    for process in stack.status():
        if process.name == KAFKA:
            continue
        for path in paths:
            where = path.format(name="wine-forest", version="1")
            response = httpx.get(stack.web_url(process.name) + where, timeout=30)
            check_answer(path, response.status_code, response.json())
        nobody = httpx.get(f"{stack.web_url(process.name)}/state/models/nobody/1", timeout=30)
        check_answer("/state/models/{name}/{version}", 404, nobody.json())
