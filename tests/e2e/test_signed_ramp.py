"""Under a key ring: only what is signed changes the whole system, and a ramp divides its requests."""

import json
from base64 import b64encode
from collections.abc import Iterator
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
from rendezvous_client.kafka import Kafka
from rendezvous_client.status import read_status
from rendezvous_contracts.shares import bucket_of
from rendezvous_contracts.topics import CONTROL
from rendezvous_contracts.values import from_fields
from scoring.v1.answer_pb2 import Source
from typer.testing import CliRunner

from tests.support.broker import produce
from tests.support.control import control
from tests.support.polling import wait_until
from tests.support.stacks import (
    CANARY,
    CHAMPION,
    FACTORS,
    RUNNER_UP,
    Running,
    end_offsets,
    running,
    wine_route,
)
from tests.support.stream import PATIENCE_S

pytestmark = pytest.mark.kafka

# The models and the route with which a stack begins.
UNSIGNED = 4
REQUESTS = 100
MEDIAN = f"""\
route: wine
sla: 1s
schedule: [{{use: {{median: [{CHAMPION}, {RUNNER_UP}, {CANARY}]}}}}]
default: {{quality: -1.0}}
canary: {CANARY}
inputs: {{alcohol: number}}
"""


class Signed:
    """The whole system under a key ring, and the command line of who has a key in it."""

    def __init__(self, system: Running, pem: Path) -> None:
        self.system = system
        self._environment = {
            "RENDEZVOUS_BOOTSTRAP_SERVERS": system.bootstrap,
            "RENDEZVOUS_AUTHOR": "ada",
            "RENDEZVOUS_SIGNING_KEY": str(pem),
        }

    def run(self, *arguments: str, stdin: str = "") -> dict[str, object]:
        result = CliRunner(env=self._environment).invoke(app, [*arguments, "-o", "json"], input=stdin)
        assert result.exit_code == 0, result.output
        assert "refused by" not in result.stderr
        row: dict[str, object] = json.loads(result.stdout)[0]
        return row


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    folder = tmp_path_factory.mktemp("signed")
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ring, pem = folder / "keys.yaml", folder / "ada.pem"
    ring.write_text(f"since: {UNSIGNED}\nauthors: {{ada: [{b64encode(public).decode()}]}}\n")
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("RENDEZVOUS_CONTROL_KEYS", str(ring))
        with running(folder / "stack") as system:
            yield Signed(system, pem)


def test_every_service_refuses_what_is_not_signed(signed: Signed) -> None:
    system = signed.system
    offset = end_offsets(system.bootstrap, (CONTROL,))[CONTROL, 0]
    stolen = control("stolen", wine_route(RUNNER_UP))
    produce(system.bootstrap, CONTROL, [stolen.SerializeToString()])

    def refused_by() -> set[str]:
        heard = read_status(Kafka(system.bootstrap))
        return {
            name
            for name, each in heard.items()
            for refusal in each.status.refusals
            if refusal.offset == offset and refusal.reason.startswith("not signed, and a key ring is set")
        }

    wait_until(lambda: len(refused_by()) == len(system.services), PATIENCE_S, "all refuse it", every_s=0.5)


def test_a_ramp_divides_requests_by_their_ids(signed: Signed) -> None:
    ramped = signed.run("ramp", "wine", f"{CHAMPION}=60%", f"{RUNNER_UP}=40%")
    assert ramped["result"] == "done"

    with signed.system.load("ramped", rate=0.0) as load, signed.system.answers() as answers:
        for _ in range(REQUESTS):
            answers.wait_for_all([load.ask()])

    drawn = set()
    for name in load.sent:
        (logged,) = answers.by_id[name]
        answer = logged.answer
        if answer.tier == 1:  # on a busy machine another tier may have opened before
            assert answer.model == (CHAMPION if bucket_of("wine", name.encode()) < 6_000 else RUNNER_UP)
            drawn.add(answer.model)
    assert drawn == {CHAMPION, RUNNER_UP}


def test_a_median_is_answered_when_all_have_scored(signed: Signed) -> None:
    signed.run("apply", "-f", "-", stdin=MEDIAN)

    with signed.system.load("median", rate=0.0) as load, signed.system.answers() as answers:
        for _ in range(20):
            answers.wait_for_all([load.ask()])

    middle = sorted(FACTORS.values())[1]
    combined = 0
    for name, asked in load.sent.items():
        (logged,) = answers.by_id[name]
        answer = logged.answer
        if answer.source == Source.SOURCE_MODEL:
            combined += 1
            quality = from_fields(answer.outputs)["quality"]
            assert quality == pytest.approx(middle * asked.alcohol)
            assert (answer.model, len(answer.arrivals)) == ("", 3)
    assert combined > 0
