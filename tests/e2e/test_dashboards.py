"""Everything that can happen happens; a real Prometheus sees it, and every panel and every alert shows it."""

import math
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import httpx
import pytest
from rendezvous_contracts.topics import CONTROL, REQUESTS
from rendezvous_contracts.values import to_fields
from scoring.v1.control_pb2 import Deploy, Deployment, StartRollout
from scoring.v1.request_pb2 import Request

from tests.support.broker import produce
from tests.support.control import asked, control
from tests.support.dashboards import (
    ALERTS,
    Query,
    dashboards,
    queries,
    rules,
    selectors,
    substituted,
    variables,
)
from tests.support.polling import wait_until
from tests.support.prometheus import Prometheus, prometheus
from tests.support.stacks import CHAMPION, RUNNER_UP, Running, publish, wine_route
from tests.support.stream import PATIENCE_S

pytestmark = [pytest.mark.kafka, pytest.mark.prometheus]

TRACE_ID: Final = "4bf92f3577b34da6a3ce929d0e0e4736"
_TRACEPARENT: Final = f"00-{TRACE_ID}-00f067aa0ba902b7-01"
_ASK_S: Final = 10.0
_RATE: Final = 120.0
_PROMTOOL: Final = shutil.which("promtool") or "promtool"
_JOBS: Final = (
    "gateway",
    "feature-extractor",
    "rendezvous",
    "decoy",
    "operator",
    "canary",
    "model-container",
)


@dataclass(frozen=True)
class Scene:
    """The system, and the Prometheus that has watched it since *start*, seconds since the epoch."""

    system: Running
    watch: Prometheus
    start: float

    def wait_for(self, expression: str, least: float = 1.0) -> None:
        """Return once the values of *expression* add up to *least*."""
        wait_until(
            lambda: self.watch.value(expression) >= least,
            PATIENCE_S,
            f"{expression} is {least:g}",
            every_s=0.25,
        )

    def ask(self, route: str = "wine", *, traced: bool = False, **fields: object) -> int:
        """Ask the gateway; return the status of its response."""
        headers = {"traceparent": _TRACEPARENT} if traced else {}
        address = f"{self.system.stack.url()}/v1/routes/{route}/ask"
        return httpx.post(address, json={"fields": fields}, headers=headers, timeout=_ASK_S).status_code

    def put(self, name: str, route: str = "wine", *, budget_us: int = 0, **fields: object) -> None:
        """Write a request to the log."""
        request = Request(id=name, route=route, budget_us=budget_us, fields=to_fields(fields))
        produce(self.system.bootstrap, REQUESTS, [request.SerializeToString()], key=name.encode())


@pytest.fixture(scope="module")
def scene(system: Running, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("watch") / "prometheus"
    hosts = {name: system.stack.web_url(name).removeprefix("http://") for name in system.services}
    targets = {job: [host for name, host in hosts.items() if name.startswith(job)] for job in _JOBS}
    with prometheus(folder, targets, ALERTS) as watch:
        scene = Scene(system, watch, time.time())
        with system.load("calm", rate=_RATE):
            _play(scene)
        with system.load("on", rate=_RATE / 4):
            yield scene


def _play(scene: Scene) -> None:
    """Have all happen that a panel can show."""
    bootstrap = scene.system.bootstrap
    spare = Deploy(deployment=Deployment(name="spare", model=RUNNER_UP, replicas=1))
    unsound = control("unsound", wine_route(CHAMPION, sla_us=0))
    produce(bootstrap, CONTROL, [asked("spare", spare).SerializeToString(), unsound.SerializeToString()])
    scene.wait_for("sum(up)", len(scene.system.services))  # traces are looked for once a scrape has asked
    _misbehave(scene)
    publish(scene.system.stack, wine_route(RUNNER_UP))
    plan = StartRollout(route="wine", to=CHAMPION, steps=[5_000, 10_000], every_us=1_000_000)
    roll = asked("roll", plan)
    roll.at_us = time.time_ns() // 1000  # from here its steps are counted
    produce(bootstrap, CONTROL, [roll.SerializeToString()])
    scene.wait_for('min by (model) (rendezvous_canary_outputs_total{output="quality"})', 2 * 500)
    scene.wait_for('rendezvous_rollout_outcome{outcome="done"}')
    with scene.system.load("moved", rate=_RATE, alcohol=(40.0, 50.0)):
        scene.wait_for("rendezvous_canary_alarm")
    scene.wait_for('rendezvous_operator_containers{state="ready"}')
    scene.system.kill("rendezvous")
    while scene.watch.value('rendezvous_gateway_answer_seconds_count{source="gateway"}') < 1:
        scene.ask(alcohol=9.5)
    scene.system.wait_ready()


def _misbehave(scene: Scene) -> None:
    """Send what cannot be read, what nobody knows, what does not fit, and what comes too late."""
    produce(scene.system.bootstrap, REQUESTS, [b"\xff\xff no request"])
    scene.put("stranger", "beer", alcohol=9.5)
    scene.put("text", alcohol="a lot")
    for number in range(20):
        scene.put(f"hasty-{number}", budget_us=1_000, alcohol=9.5)
        scene.ask(alcohol=9.5, traced=True)
    assert scene.ask("beer", alcohol=9.5) == 404
    assert scene.ask(alcohol="a lot") == 422


def test_every_service_is_scraped_and_its_metrics_are_named_as_prometheus_wants_them(scene: Scene) -> None:
    wait_until(lambda: not scene.watch.now("up == 0"), PATIENCE_S, "all are scraped", every_s=0.5)
    assert scene.watch.value("count(up)") == len(scene.system.services)
    for name in scene.system.services:
        address = f"{scene.system.stack.web_url(name)}/metrics"
        text = httpx.get(address, timeout=_ASK_S).content
        checked = subprocess.run(
            [_PROMTOOL, "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
        )
        assert (checked.returncode, checked.stdout + checked.stderr) == (0, b""), name


def test_every_query_of_every_panel_returns_what_its_panel_draws(scene: Scene) -> None:
    chosen = _chosen(scene)
    left = {str(query): query for query in queries()}
    wrong: dict[str, str] = {}

    def drawn() -> bool:
        for name, query in [*left.items()]:
            problem = _problem(scene, query, chosen)
            if problem is None:
                del left[name]
                wrong.pop(name, None)
            else:
                wrong[name] = problem
        return not left

    with suppress(AssertionError):
        wait_until(drawn, PATIENCE_S / 2, "all is drawn", every_s=1.0)
    assert wrong == {}


def test_what_happened_is_seen(scene: Scene) -> None:
    over = f"[{math.ceil(time.time() - scene.start)}s]"
    for happened in (
        f'max_over_time(rendezvous_answers_total{{source="default"}}{over})',
        f'max_over_time(rendezvous_answers_total{{source="refused"}}{over})',
        f'max_over_time(rendezvous_scores_total{{outcome=~"late|after_close"}}{over})',
        f'max_over_time(rendezvous_plane_records_sent_total{{topic="dead-letters"}}{over})',
        f"max_over_time(rendezvous_control_refused_total{over})",
        f'max_over_time(rendezvous_decisions_total{{revision="1"}}{over})',
        f'max_over_time(rendezvous_decisions_total{{revision="4"}}{over})',
        'rendezvous_gateway_responses_total{status="404"}',
        'rendezvous_gateway_responses_total{status="422"}',
    ):
        assert scene.watch.value(happened) > 0, happened
    assert scene.watch.value(f"sum(max_over_time(rendezvous_rollout_step{over}))") == 2


def test_every_selector_of_every_rule_has_data(scene: Scene) -> None:
    asked_for = {each for rule in rules() for each in selectors(rule["expr"])}
    assert len(asked_for) > 20
    without: set[str] = set()

    def all_have_data() -> bool:
        without.clear()
        without.update(each for each in asked_for if not scene.watch.now(each))
        return not without

    with suppress(AssertionError):
        wait_until(all_have_data, PATIENCE_S / 2, "all have data", every_s=1.0)
    assert without == set()
    bad = [rule for group in scene.watch.get("rules")["groups"] for rule in group["rules"]]
    assert [rule for rule in bad if rule["health"] != "ok"] == []


def test_buckets_link_to_traces(scene: Scene) -> None:
    for metric in (
        "rendezvous_gateway_answer_seconds_bucket",
        "rendezvous_answer_seconds_bucket",
        "rendezvous_scoring_latency_seconds_bucket",
    ):
        times = {"start": str(scene.start), "end": str(time.time())}
        found = scene.watch.get("query_exemplars", query=metric, **times)
        ids = {each["labels"]["trace_id"] for series in found for each in series["exemplars"]}
        assert ids == {TRACE_ID}, metric


def _chosen(scene: Scene) -> dict[str, list[str]]:
    """Return all values of each variable, as Grafana asks for them."""
    chosen = {}
    for board in dashboards().values():
        for each in variables(board):
            chosen[each.name] = scene.watch.get(f"label/{each.label}/values", **{"match[]": each.metric})
            assert chosen[each.name], each
    return chosen


def _problem(scene: Scene, query: Query, chosen: dict[str, list[str]]) -> str | None:
    """Return why the panel of *query* would be empty or wrong, or None."""
    kind, now = query.panel["type"], time.time()
    expression = substituted(query.expression, chosen, range_s=math.ceil(now - scene.start))
    if kind in {"timeseries", "heatmap"}:
        series = scene.watch.over(expression, scene.start, now, 1.0)
        numbers = [value for each in series for _, value in each["values"] if value != "NaN"]
    else:
        series = scene.watch.now(expression)
        numbers = [each["value"][1] for each in series if each["value"][1] != "NaN"]
    if not numbers:
        return f"no data: {expression}"
    return _misfit(kind, query, [each["metric"] for each in series])


def _misfit(kind: str, query: Query, labels: list[dict[str, Any]]) -> str | None:
    edges = {each["le"] for each in labels if "le" in each}
    if kind == "stat" and len(labels) != 1:
        return f"a stat of {len(labels)} series"
    if (kind == "heatmap") != (len(edges) > 1):
        return f"a {kind} of {len(edges)} buckets"
    if kind == "timeseries":
        named = {name for each in labels for name in each}
        wanted = {part.partition("}}")[0] for part in query.target["legendFormat"].split("{{")[1:]}
        missing = wanted - named
        return f"the legend names {missing}, which no series has" if missing else None
    return None
