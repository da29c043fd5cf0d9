"""What is well with a system, what is not, and what to do: pure, from what was seen to findings."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median
from typing import Final

from rendezvous_client.status import Heard
from rendezvous_contracts.routes import scoring_models
from rendezvous_contracts.topics import TOPICS, TopicSpec
from rendezvous_control.state import State
from scoring.v1.status_pb2 import ModelState

# Without one of these nothing is answered.
_NEEDED: Final = ("feature-extractor", "rendezvous")
# Skew costs a request's budget: 20 ms are much of an SLA of 50.
_MOST_SKEW_S: Final = 0.02
# What is heard travels for a while, and a machine may be busy.
_MOST_AHEAD_S: Final = 0.5


class Level(StrEnum):
    """How a finding is meant."""

    OK = "ok"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what is so, and what to do about it if that is not well."""

    check: str
    level: Level
    what: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """
    What was seen of a system.

    *partitions*, *configs*: of the topics that are there, by name. *lags_s*: the broker's stamps of answers
    less those of who gave them, in seconds. *unreachable*: why artifacts cannot be had from here, by model.
    """

    now_s: float
    partitions: Mapping[str, int]
    configs: Mapping[str, Mapping[str, str]]
    state: State = field(default_factory=State)
    heard: Mapping[str, Heard] = field(default_factory=dict)
    lags_s: Sequence[float] = ()
    unreachable: Mapping[str, str] = field(default_factory=dict)


def diagnose(seen: Seen) -> list[Finding]:
    """Return all findings; of each check at least one."""
    checks = (_topics, _services, _applied, _clocks, _routes, _artifacts)
    return [finding for check in checks for finding in check(seen)]


def _topics(seen: Seen) -> Iterator[Finding]:
    missing = [spec.name for spec in TOPICS if spec.name not in seen.partitions]
    if missing:
        yield Finding("topics", Level.BAD, f"missing: {', '.join(missing)}", "run `rendezvous topics`")
    counts = {name: seen.partitions[name] for name in _per_request() if name in seen.partitions}
    if len(set(counts.values())) > 1:
        told = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        yield Finding(
            "topics",
            Level.BAD,
            f"partitions differ: {told}",
            "requests keep their partition in every topic: add partitions until all have the same",
        )
    wrong = [*_wrong_configs(seen.configs)]
    yield from wrong
    if not missing and not wrong and len(set(counts.values())) == 1:
        yield Finding("topics", Level.OK, f"all {len(TOPICS)}, {max(counts.values())} partitions")


def _per_request() -> list[str]:
    return [spec.name for spec in TOPICS if spec.per_request]


def _wrong_configs(configs: Mapping[str, Mapping[str, str]]) -> Iterator[Finding]:
    for spec in TOPICS:
        for key, found in sorted(_differing(spec, configs.get(spec.name, {}))):
            # How long records are kept is for who runs it to say, but for the log of all changes.
            level = Level.WARNING if key.startswith("retention") and spec.per_request else Level.BAD
            command = f"kafka-configs.sh --alter --topic {spec.name} --add-config {key}={spec.config[key]}"
            yield Finding("topics", level, f"{spec.name}: {key} is {found}, not {spec.config[key]}", command)


def _differing(spec: TopicSpec, config: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    return ((key, config[key]) for key in spec.config if key in config and config[key] != spec.config[key])


def _services(seen: Seen) -> Iterator[Finding]:
    live = [each.status for each in seen.heard.values() if each.is_live(seen.now_s)]
    troubled = False
    for name in _NEEDED:
        if name not in {status.service for status in live}:
            troubled = True
            yield Finding(
                "services", Level.BAD, f"no {name} is up", "start one: without it nothing is answered"
            )
    for status in sorted(live, key=lambda each: each.instance):
        if not status.ready:
            troubled = True
            yield Finding(
                "services",
                Level.WARNING,
                f"{status.instance} waits: {status.detail}",
                "wait, or look at its log",
            )
    for name, each in sorted(seen.heard.items()):
        if not each.status.stopping and not each.is_live(seen.now_s):
            troubled = True
            silence = f"{name} has been silent for {seen.now_s - each.at_s:.0f} s"
            yield Finding("services", Level.WARNING, silence, "it hangs or was killed: look at its log")
    if not troubled:
        yield Finding("services", Level.OK, f"{len(live)} instances are up and ready")


def _applied(seen: Seen) -> Iterator[Finding]:
    end = seen.state.next_offset
    live = {name: each.status for name, each in sorted(seen.heard.items()) if each.is_live(seen.now_s)}
    behind = {name: status.control_offset for name, status in live.items() if status.control_offset < end}
    for name, offset in behind.items():
        yield Finding(
            "control log",
            Level.WARNING,
            f"{name} has applied {offset} of {end} messages",
            "a moment later it should be all: else look at its log",
        )
    if not behind:
        yield Finding("control log", Level.OK, f"{end} messages, applied by all {len(live)} instances")
    refused = {refusal.offset: refusal.reason for status in live.values() for refusal in status.refusals}
    if refused:
        offset, reason = max(refused.items())
        yield Finding(
            "control log",
            Level.WARNING,
            f"{len(refused)} messages refused, the last at {offset}: {reason}",
            f"rendezvous audit --since {min(refused)}",
        )


def _clocks(seen: Seen) -> Iterator[Finding]:
    todo = "have all machines set their clocks by NTP: skew is taken off the time that a request has"
    ahead = {name: each.at_s - seen.now_s for name, each in seen.heard.items()}
    skewed = {name: skew for name, skew in sorted(ahead.items()) if skew > _MOST_AHEAD_S}
    for name, skew in skewed.items():
        yield Finding("clocks", Level.BAD, f"{name} is {skew:.1f} s ahead of this machine", todo)
    # No record is stamped before it was sent: what is below zero is skew.
    lag = median(seen.lags_s) if seen.lags_s else 0.0
    if lag < -_MOST_SKEW_S:
        yield Finding(
            "clocks", Level.BAD, f"the broker's is {-lag * 1000:.0f} ms behind the rendezvous's", todo
        )
    elif not skewed:
        yield Finding("clocks", Level.OK, "none runs ahead of another")


def _routes(seen: Seen) -> Iterator[Finding]:
    ready, failed = _models_by_state(each for each in seen.heard.values() if each.is_live(seen.now_s))
    troubled = False
    for name, entry in sorted(seen.state.routes.items()):
        for model in scoring_models(entry.current.route):
            if model in ready:
                continue
            troubled = True
            if model in failed:
                todo = "publish a version that loads, or set the route without it"
                yield Finding("models", Level.BAD, f"route {name}: {model} failed: {failed[model]}", todo)
            else:
                todo = "deploy it, or start a container with MODEL=" + model
                yield Finding("models", Level.BAD, f"route {name}: no container is ready with {model}", todo)
        if not entry.current.route.schedule:
            troubled = True
            what = f"route {name} has no model: it answers its default"
            yield Finding("models", Level.WARNING, what, "set it with a schedule once there is one")
    if not troubled:
        yield Finding("models", Level.OK, f"all of {len(seen.state.routes)} routes have a ready container")


def _models_by_state(heard: Iterable[Heard]) -> tuple[set[str], dict[str, str]]:
    ready: set[str] = set()
    failed: dict[str, str] = {}
    for each in heard:
        for model in each.status.models:
            if model.state == ModelState.MODEL_STATE_READY:
                ready.add(model.model)
            elif model.state == ModelState.MODEL_STATE_FAILED:
                failed[model.model] = model.reason
    return ready, failed


def _artifacts(seen: Seen) -> Iterator[Finding]:
    for model, why in sorted(seen.unreachable.items()):
        yield Finding(
            "artifacts",
            Level.WARNING,
            f"{model}: {why}",
            "no container could load it anew: put it back, or publish a version that has another location",
        )
    if not seen.unreachable:
        yield Finding("artifacts", Level.OK, "those that can be looked at from here are there")
