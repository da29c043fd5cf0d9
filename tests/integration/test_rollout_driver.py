"""The operator as a process on a real broker drives a roll-out by what stands in `decisions`."""

import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from rendezvous_client.control import ControlReader, new_control
from rendezvous_client.errors import ClientError
from rendezvous_client.kafka import Kafka
from rendezvous_client.log import read_log
from rendezvous_contracts.gates import parse_gate
from rendezvous_contracts.topics import CONTROL, DECISIONS
from rendezvous_control.signatures import KeyRing, Signer
from rendezvous_control.state import Outcome, RolloutEntry, RouteEntry
from rendezvous_local.broker import Broker
from rendezvous_local.topics import create_topics
from scoring.v1.control_pb2 import Model, ResumeRoute, Route, StartRollout, StepVerdict

from tests.support.broker import Writer
from tests.support.control import control, model, route
from tests.support.decisions import decision, score
from tests.support.polling import wait_until
from tests.support.service import service

pytestmark = pytest.mark.kafka

NEW, OLD, CANARY = "new@1", "old@1", "canary@1"
PATIENCE_S = 120.0
PARTITIONS = 2
EACH_TIME = 100


@dataclass
class World:
    """A broker, a key ring for two, and decisions that are written while somebody waits."""

    broker: Broker
    ring: Path
    signer: Signer
    writer: Writer
    says: dict[str, float] = field(default_factory=lambda: {NEW: 5.0, OLD: 5.0})
    resumed: set[int] = field(default_factory=set)

    @property
    def kafka(self) -> Kafka:
        return Kafka(self.broker.bootstrap_servers, timeout_s=30.0)

    @property
    def keys(self) -> KeyRing:
        return KeyRing.read(self.ring.read_text(), "keys")

    def publish(self, change: StartRollout | ResumeRoute) -> None:
        signed = self.signer.sign(new_control(change, "ada"))
        self.writer.write(CONTROL, [signed.SerializeToString()])

    def decide(self, revision: int) -> None:
        """Write some decisions of now, in which the models say what *says* has, and the canary 5."""
        now_us = time.time_ns() // 1_000
        scores = [score(name, quality) for name, quality in {**self.says, CANARY: 5.0}.items()]
        value = decision(*scores, revision=revision, at_us=now_us).SerializeToString()
        for partition in range(PARTITIONS):
            self.writer.write(DECISIONS, [value] * (EACH_TIME // PARTITIONS), partition=partition)

    def follow(self, reader: ControlReader, reached: Callable[[RolloutEntry], bool]) -> RouteEntry:
        """Return the route once its roll-out has *reached* that; a pause of a busy machine is ended."""

        def found() -> RouteEntry | None:
            try:
                entry = reader.catch_up().routes["wine"]
            except ClientError:  # a broker on a busy machine: it is asked again
                return None
            if entry.rolling and entry.paused and entry.paused.offset not in self.resumed:
                self.resumed.add(entry.paused.offset)
                self.publish(ResumeRoute(name="wine"))
            if entry.rollout and reached(entry.rollout):
                return entry
            self.decide(entry.current.number)
            return None

        entry = wait_until(found, PATIENCE_S, "the roll-out is as far as that", every_s=0.1)
        assert entry is not None
        return entry


@pytest.fixture
def world(fresh_broker: Broker, tmp_path: Path) -> World:
    """Wine is answered by one model, and another one is registered; from then on all has to be signed."""
    create_topics(fresh_broker.bootstrap_servers, PARTITIONS)
    known: list[Model | Route] = [model("old"), model("new"), model("canary"), route(OLD, canary=CANARY)]
    messages = [control(f"c{place}", each).SerializeToString() for place, each in enumerate(known)]
    writer = Writer(fresh_broker.bootstrap_servers)
    writer.write(CONTROL, messages)
    public = ", ".join(f"{name}: [{_make_key(tmp_path / f'{name}.pem')}]" for name in ("ada", "operator"))
    ring = tmp_path / "keys.yaml"
    ring.write_text(f"since: {len(known)}\nauthors: {{{public}}}\n")
    return World(fresh_broker, ring, Signer.read((tmp_path / "ada.pem").read_bytes(), "ada.pem"), writer)


def _make_key(pem: Path) -> str:
    key = Ed25519PrivateKey.generate()
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(public).decode()


def plan(to: str) -> StartRollout:
    gates = [parse_gate("mean_abs_delta(canary)<0.3")]
    return StartRollout(route="wine", to=to, steps=[100, 5_000, 10_000], every_us=2_000_000, gates=gates)


def test_a_roll_out_outlives_the_operator_and_a_bad_one_is_taken_back(world: World, tmp_path: Path) -> None:
    settings = {
        "RENDEZVOUS_CONTROL_KEYS": str(world.ring),
        "RENDEZVOUS_OPERATOR_KEY": str(tmp_path / "operator.pem"),
        "RENDEZVOUS_EVERY_S": "0.2",
    }
    bootstrap = world.broker.bootstrap_servers
    with ControlReader(world.kafka, world.keys) as reader:
        world.publish(plan(NEW))
        with service("rendezvous_operator", bootstrap, tmp_path, settings):
            world.follow(reader, lambda rollout: rollout.step > 0)  # and then it is killed
        with service("rendezvous_operator", bootstrap, tmp_path, settings):
            done = world.follow(reader, lambda rollout: rollout.outcome is Outcome.DONE)
            world.says = {NEW: 5.0, OLD: 9.0}
            world.publish(plan(OLD))
            back = world.follow(reader, lambda rollout: rollout.outcome is Outcome.FAILED)

    assert done.current.route.schedule[0].model == NEW
    check_steps(world)
    assert back.rollout is not None
    assert back.current.route == done.current.route
    assert back.rollout.detail.startswith("mean_abs_delta(canary)<0.3: 4 (4 to 4) of ")
    stamp = back.rollout.stamp
    assert stamp.author == "operator"
    assert stamp.reason == f"fail: step 0 (shadow) of the roll-out of {OLD}: {back.rollout.detail}"


def check_steps(world: World) -> None:
    """Every step was passed once, by the operator, and its verdict has the figures."""
    _, entries = read_log(world.kafka, world.keys)
    said = [entry.message for entry in entries if entry.message is not None and not entry.refused]
    passed = [
        each
        for each in said
        if each.HasField("step_rollout") and each.step_rollout.verdict == StepVerdict.STEP_VERDICT_PASS
    ]
    assert [each.step_rollout.step for each in passed] == [0, 1, 2]
    assert {each.author for each in passed} == {"operator"}
    good = "mean_abs_delta(canary)<0.3: 0 (0 to 0) of "
    assert all(each.step_rollout.detail.startswith(good) for each in passed)
