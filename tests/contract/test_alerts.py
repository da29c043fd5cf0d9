"""Each alert fires on what it is about, and keeps still on what it is not: promtool evaluates the rules."""

import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import pytest
import yaml

from tests.support.dashboards import alerts
from tools.alerts.alert import Group
from tools.generate_alerts import GROUPS

pytestmark = pytest.mark.prometheus

_PROMTOOL: Final = shutil.which("promtool") or "promtool"
_GATEWAY: Final = 'rendezvous_gateway_answer_seconds_count{route="wine", source="%s"}'
_SCORES: Final = 'rendezvous_scores_total{model="m@1", outcome="%s"}'
_MISSING: Final = 'rendezvous_scores_missing_total{route="wine", model="m@1"}'
_INFO: Final = 'rendezvous_service_info{service="%s", process="p", instance="i", job="j"}'
_LAG: Final = 'rendezvous_plane_lag_seconds{topic="inputs", partition="0", instance="i", job="j"}'
_LETTERS: Final = 'rendezvous_plane_records_sent_total{topic="dead-letters", instance="i", job="j"}'


class Case(NamedTuple):
    """
    Series, by minute, under which an alert *fires* at *at* or not.

    Values are promtool's: 0+60x30 begins at 0 and grows by 60 in each of 30 minutes.
    """

    name: str
    alert: str
    series: dict[str, str]
    fires: bool
    at: str = "20m"


def _answers(alert: str, name: str, missed: int, *, fires: bool, minutes: int = 90) -> Case:
    """6,000 answers a minute, *missed* of them not in time."""
    within, total = 6_000 - missed, 6_000
    sla = "rendezvous_sla_used_ratio"
    series = {
        f'{sla}_bucket{{route="wine", source="model", le="1.0"}}': f"0+{within}x{minutes}",
        f'{sla}_bucket{{route="wine", source="model", le="+Inf"}}': f"0+{total}x{minutes}",
        f'{sla}_count{{route="wine", source="model"}}': f"0+{total}x{minutes}",
    }
    return Case(name, alert, series, fires, f"{minutes}m")


def _share(alert: str, name: str, series: dict[str, int], *, fires: bool) -> Case:
    """Counters, by how much they grow in a minute."""
    return Case(name, alert, {each: f"0+{per_minute}x40" for each, per_minute in series.items()}, fires)


CASES: Final = (
    _answers("RendezvousSlaBurnsFast", "2 % miss the SLA", 120, fires=True),
    _answers("RendezvousSlaBurnsFast", "1 in 1,000 misses it", 6, fires=False),
    Case(
        "only 9 answers in an hour, one of them late",
        "RendezvousSlaBurnsFast",
        {
            'rendezvous_sla_used_ratio_bucket{route="wine", source="model", le="1.0"}': "0+0.1x90",
            'rendezvous_sla_used_ratio_count{route="wine", source="model"}': "0+0.15x90",
        },
        fires=False,
        at="90m",
    ),
    _answers("RendezvousSlaBurns", "4 in 1,000 miss it, for hours", 24, fires=True, minutes=180),
    _answers("RendezvousSlaBurns", "1 in 10,000 misses it", 1, fires=False, minutes=180),
    *(
        _share(
            "RendezvousDefaultShare",
            f"{defaults} of 100 answers are defaults",
            {
                'rendezvous_answers_total{route="wine", source="default", tier="0", model="none"}': defaults,
                'rendezvous_answers_total{route="wine", source="model", tier="1", model="m@1"}': 100
                - defaults,
            },
            fires=fires,
        )
        for defaults, fires in ((10, True), (2, False))
    ),
    *(
        _share(
            "RendezvousGatewayAnswersItself",
            f"{own} of 1,000 answers are the gateway's own",
            {_GATEWAY % "gateway": own, _GATEWAY % "model": 1_000 - own},
            fires=fires,
        )
        for own, fires in ((50, True), (5, False))
    ),
    *(
        _share(
            "RendezvousModelLate",
            f"{late} of 100 scores are late",
            {_SCORES % "late": late, _SCORES % "in_time": 100 - late, _MISSING: 0},
            fires=fires,
        )
        for late, fires in ((20, True), (5, False))
    ),
    *(
        _share(
            "RendezvousModelSilent",
            f"{missing} of 100 scores do not come",
            {_SCORES % "in_time": 100 - missing, _MISSING: missing},
            fires=fires,
        )
        for missing, fires in ((100, True), (10, False))
    ),
    *(
        _share(
            "RendezvousModelFails",
            f"{failed} of 100 inputs bring no score",
            {
                'rendezvous_scoring_scores_total{model="m@1", status="failed"}': failed,
                'rendezvous_scoring_scores_total{model="m@1", status="ok"}': 100 - failed,
            },
            fires=fires,
        )
        for failed, fires in ((10, True), (1, False))
    ),
    *(
        Case(
            f"the alarm is {value}",
            "RendezvousCanaryDrift",
            {'rendezvous_canary_alarm{route="wine", model="m@1", output="quality"}': f"{value}x40"},
            fires=bool(value),
        )
        for value in (1, 0)
    ),
    Case("it was there and is gone", "RendezvousServiceDown", {_INFO % "decoy": "1x10 _x20"}, fires=True),
    Case("it is there", "RendezvousServiceDown", {_INFO % "decoy": "1x40"}, fires=False),
    Case("it was there long ago", "RendezvousServiceDown", {_INFO % "decoy": "1x5"}, fires=False, at="90m"),
    *(
        Case(
            f"of two, {ready} are ready",
            "RendezvousServiceNotReady",
            {
                'rendezvous_service_ready{service="decoy", instance="a"}': "0x40",
                'rendezvous_service_ready{service="decoy", instance="b"}': f"{ready}x40",
            },
            fires=not ready,
        )
        for ready in (0, 1)
    ),
    Case(
        "it last went around at the tenth minute",
        "RendezvousDataPlaneStuck",
        {
            'rendezvous_plane_turned_timestamp_seconds{instance="i", job="j"}': "0+60x10 600x20",
            _INFO % "decoy": "1x40",
        },
        fires=True,
    ),
    Case(
        "it goes around",
        "RendezvousDataPlaneStuck",
        {
            'rendezvous_plane_turned_timestamp_seconds{instance="i", job="j"}': "0+60x40",
            _INFO % "decoy": "1x40",
        },
        fires=False,
    ),
    *(
        Case(
            f"the {service} is {seconds} s behind",
            "RendezvousLag",
            {_LAG: f"{seconds}x40", _INFO % service: "1x40"},
            fires=fires,
        )
        for service, seconds, fires in (
            ("rendezvous", 20, True),
            ("rendezvous", 1, False),
            ("decoy", 20, False),
        )
    ),
    *(
        Case(
            f"the oldest row is {age} s old",
            "RendezvousArchiveBehind",
            {"rendezvous_decoy_oldest_row_seconds": f"{age}x40"},
            fires=fires,
        )
        for age, fires in ((400, True), (30, False))
    ),
    Case(
        "the decoy is behind the log",
        "RendezvousArchiveBehind",
        {_LAG: "400x40", _INFO % "decoy": "1x40"},
        fires=True,
    ),
    Case(
        "the disk refuses",
        "RendezvousArchiveBehind",
        {"rendezvous_decoy_flush_failures_total": "0+10x40"},
        fires=True,
    ),
    *(
        Case(
            f"{letters} dead letters in a minute",
            "RendezvousDeadLetters",
            {
                _LETTERS: f"0+{letters}x40",
                _INFO % "feature-extractor": "1x40",
            },
            fires=bool(letters),
        )
        for letters in (3, 0)
    ),
    Case(
        "old decisions long after the switch",
        "RendezvousRevisionStuck",
        {
            'rendezvous_decisions_behind_total{route="wine"}': "0+50x40",
            'rendezvous_route_revision{route="wine"}': "1x5 2x35",
        },
        fires=True,
    ),
    Case(
        "old decisions at the switch alone",
        "RendezvousRevisionStuck",
        {
            'rendezvous_decisions_behind_total{route="wine"}': "0x5 50x35",
            'rendezvous_route_revision{route="wine"}': "1x5 2x35",
        },
        fires=False,
    ),
    Case(
        "one of two is behind",
        "RendezvousControlBehind",
        {
            'rendezvous_control_offset{service="decoy"}': "7x40",
            'rendezvous_control_offset{service="gateway"}': "9x40",
        },
        fires=True,
    ),
    Case(
        "all are as far",
        "RendezvousControlBehind",
        {
            'rendezvous_control_offset{service="decoy"}': "9x40",
            'rendezvous_control_offset{service="gateway"}': "9x40",
        },
        fires=False,
    ),
    Case(
        "one was refused",
        "RendezvousControlRefused",
        {'rendezvous_control_refused_total{service="gateway"}': "0x15 1x25"},
        fires=True,
    ),
    Case(
        "none was refused since the start",
        "RendezvousControlRefused",
        {'rendezvous_control_refused_total{service="gateway"}': "1x40"},
        fires=False,
    ),
    *(
        Case(
            f"failed is {failed}",
            "RendezvousDeploymentFailed",
            {'rendezvous_operator_deployment_failed{deployment="forest"}': f"{failed}x40"},
            fires=bool(failed),
        )
        for failed in (1, 0)
    ),
)


def test_each_alert_has_a_case_that_fires_and_one_that_does_not() -> None:
    assert {case.alert for case in CASES if case.fires} == alerts().keys()
    assert {case.alert for case in CASES if not case.fires} == alerts().keys()


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_alerts_fire_when_they_should_and_else_do_not(group: Group, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump({"groups": [group.group()]}, sort_keys=False))
    names = {rule.name for rule in group.rules}
    document = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [_test(case) for case in CASES if case.alert in names],
    }
    file = tmp_path / "tests.yaml"
    file.write_text(yaml.safe_dump(document, sort_keys=False))
    checked = subprocess.run(
        [_PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, timeout=240, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def _test(case: Case) -> dict[str, Any]:
    """Return *case* as promtool reads it: what fires is counted, for its texts are not the matter here."""
    firing = f'count(ALERTS{{alertname="{case.alert}", alertstate="firing"}}) or vector(0)'
    return {
        "name": f"{case.alert}: {case.name}",
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "promql_expr_test": [
            {
                "expr": firing,
                "eval_time": case.at,
                "exp_samples": [{"labels": "{}", "value": int(case.fires)}],
            }
        ],
    }
