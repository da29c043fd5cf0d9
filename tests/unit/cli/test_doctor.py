"""What the doctor says of what it has seen."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from rendezvous_cli.doctor_findings import Level, Seen, diagnose
from rendezvous_client.status import Heard
from rendezvous_contracts.topics import TOPICS
from scoring.v1.status_pb2 import ModelState, ModelStatus, Refusal, Status

from tests.support.control import model, route
from tests.support.folding import published

NOW = 1_000.0


def word(
    service: str, *, at_s: float = NOW - 1, ready: bool = True, offset: int = 2, **said: object
) -> Heard:
    status = Status(instance=f"{service}-0", service=service, ready=ready, control_offset=offset, **said)  # type: ignore[arg-type]
    return Heard(status, at_s)


def model_said(state: "ModelState.ValueType", reason: str = "") -> list[ModelStatus]:
    return [ModelStatus(model="forest@1", state=state, reason=reason)]


def words(*heard: Heard) -> Mapping[str, Heard]:
    return {each.status.instance: each for each in heard}


EXTRACTOR = word("feature-extractor")
RENDEZVOUS = word("rendezvous")
CONTAINER = word("model-container", models=model_said(ModelState.MODEL_STATE_READY))
WELL = Seen(
    now_s=NOW,
    partitions={spec.name: 4 if spec.per_request else 1 for spec in TOPICS},
    configs={spec.name: dict(spec.config) for spec in TOPICS},
    state=published(model("forest"), route("forest@1")),
    heard=words(EXTRACTOR, RENDEZVOUS, CONTAINER),
    lags_s=[0.001, 0.002],
)


def test_a_system_that_is_well_gets_one_line_for_each_check() -> None:
    found = diagnose(WELL)

    assert [finding.level for finding in found] == [Level.OK] * 6
    assert [finding.check for finding in found] == [
        "topics", "services", "control log", "clocks", "models", "artifacts",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seen", "level", "what"),
    [
        (replace(WELL, partitions={"control": 1}), Level.BAD, "missing: requests, inputs,"),
        (
            replace(WELL, partitions={**WELL.partitions, "scores": 8}),
            Level.BAD,
            "partitions differ: answers 4",
        ),
        (
            replace(WELL, configs={"control": {"retention.ms": "1000"}}),
            Level.BAD,
            "control: retention.ms is 1000, not -1",
        ),
        (
            replace(WELL, configs={"inputs": {"retention.ms": "1000"}}),
            Level.WARNING,
            "inputs: retention.ms is 1000",
        ),
        (replace(WELL, heard=words(RENDEZVOUS, CONTAINER)), Level.BAD, "no feature-extractor is up"),
        (
            replace(
                WELL, heard=words(EXTRACTOR, RENDEZVOUS, CONTAINER, word("gateway", ready=False, detail="x"))
            ),
            Level.WARNING,
            "gateway-0 waits: x",
        ),
        (
            replace(WELL, heard=words(EXTRACTOR, RENDEZVOUS, CONTAINER, word("decoy", at_s=NOW - 60))),
            Level.WARNING,
            "decoy-0 has been silent for 60 s",
        ),
        (
            replace(WELL, heard=words(EXTRACTOR, RENDEZVOUS, CONTAINER, word("decoy", offset=1))),
            Level.WARNING,
            "decoy-0 has applied 1 of 2 messages",
        ),
        (
            replace(
                WELL,
                heard=words(
                    EXTRACTOR,
                    RENDEZVOUS,
                    CONTAINER,
                    word("decoy", refusals=[Refusal(offset=1, reason="stale")]),
                ),
            ),
            Level.WARNING,
            "1 messages refused, the last at 1: stale",
        ),
        (
            replace(WELL, heard=words(EXTRACTOR, RENDEZVOUS, CONTAINER, word("decoy", at_s=NOW + 3))),
            Level.BAD,
            "decoy-0 is 3.0 s ahead of this machine",
        ),
        (replace(WELL, lags_s=[-0.2, -0.25, 5]), Level.BAD, "the broker's is 200 ms behind the rendezvous's"),
        (replace(WELL, heard=words(EXTRACTOR, RENDEZVOUS)), Level.BAD, "no container is ready with forest@1"),
        (
            replace(
                WELL,
                heard=words(
                    EXTRACTOR,
                    RENDEZVOUS,
                    word("model-container", models=model_said(ModelState.MODEL_STATE_FAILED, "no PMML")),
                ),
            ),
            Level.BAD,
            "route wine: forest@1 failed: no PMML",
        ),
        (replace(WELL, unreachable={"forest@1": "gone"}), Level.WARNING, "forest@1: gone"),
    ],
)
def test_what_is_not_well_is_said_with_what_to_do(seen: Seen, level: Level, what: str) -> None:
    (finding,) = [finding for finding in diagnose(seen) if what in finding.what]

    assert finding.level is level
    assert finding.todo


def test_nothing_at_all_can_be_looked_at() -> None:
    levels = {finding.check: finding.level for finding in diagnose(Seen(NOW, {}, {}))}

    assert (levels["topics"], levels["services"], levels["artifacts"]) == (Level.BAD, Level.BAD, Level.OK)
