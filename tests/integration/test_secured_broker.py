"""A service and the command line on a broker that asks for TLS, and a password or a certificate."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from rendezvous_cli.main import app
from rendezvous_local.topics import create_topics
from typer.testing import CliRunner, Result

from tests.support.polling import wait_until
from tests.support.secured import SecuredBroker
from tests.support.service import service

pytestmark = pytest.mark.kafka

PATIENCE_S = 90.0


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    with SecuredBroker(tmp_path_factory.mktemp("secured")) as broker:
        create_topics(broker.bootstrap_servers, 1)
        yield broker


def command(environment: Mapping[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env=dict(environment))


def is_ready(told: Mapping[str, str]) -> bool:
    """Whether the one service is, as the command line hears it."""
    result = command(told, "get", "services", "--output", "json")
    # A machine that is busy may keep it from answering in time; a refusal would stay one.
    services = json.loads(result.stdout) if result.exit_code == 0 else []
    return [each["state"] for each in services] == ["ready"]


def test_a_service_and_the_command_line_talk_over_tls_with_a_password(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    service_s, ours = (broker.environment(mechanism) for mechanism in ("SCRAM-SHA-512", "PLAIN"))
    with service("rendezvous_feature_extractor", broker.secured, tmp_path, service_s):
        wait_until(lambda: is_ready(ours), PATIENCE_S, "the service is ready", every_s=0.3)


def test_a_service_and_the_command_line_show_a_certificate_of_their_own(
    broker: SecuredBroker, tmp_path: Path
) -> None:
    told = broker.certified()
    with service("rendezvous_decoy", broker.mutual, tmp_path, told):
        wait_until(lambda: is_ready(told), PATIENCE_S, "the service is ready", every_s=0.3)


NO_CERTIFICATE = {
    f"RENDEZVOUS_SSL_{name}": "" for name in ("CERTIFICATE_LOCATION", "KEY_LOCATION", "KEY_PASSWORD")
}


@pytest.mark.parametrize(
    ("door", "wrong", "says"),
    [
        ("secured", {"RENDEZVOUS_SASL_PASSWORD": "another word"}, "uthentication failed"),
        ("secured", {"RENDEZVOUS_SSL_CA_LOCATION": ""}, "certificate verify failed"),
        ("mutual", NO_CERTIFICATE, "tls alert"),
    ],
)
def test_who_is_not_let_in_is_told_so_and_why(
    broker: SecuredBroker, door: str, wrong: dict[str, str], says: str
) -> None:
    given = broker.certified() if door == "mutual" else broker.environment("SCRAM-SHA-512")

    def refused() -> str:
        result = command(given | wrong, "get", "routes")
        assert result.exit_code == 1
        return result.stderr if says in result.stderr else ""

    stderr = wait_until(refused, PATIENCE_S, "it is told why", every_s=0.1)
    assert f"the broker at {getattr(broker, door)} does not let us in, or" in stderr


def test_a_service_with_a_wrong_password_waits_and_says_why(broker: SecuredBroker, tmp_path: Path) -> None:
    told = broker.environment("SCRAM-SHA-512", password="another word")  # noqa: S106 - wrong on purpose
    with service("rendezvous_feature_extractor", broker.secured, tmp_path, told) as process:
        log = tmp_path / "log"
        wait_until(lambda: "uthentication failed" in log.read_text(), PATIENCE_S, "it says why")
        assert process.poll() is None
