# ruff: noqa: E501 - a query, or a sentence, reads better unbroken
"""
How fast the error budget of the SLA is used up, in several windows.

The objective and the factors follow Google's SRE Workbook, chapter "Alerting on SLOs": a page where 2 % of a
month's budget goes in an hour or 5 % in six, a ticket where 10 % goes in a day or in three. The short window
makes the alert end when the trouble does.
"""

from typing import Final

from tools.alerts.alert import Alert, Group, Record

# Of the answers of a route, so many within its SLA; a default that waited for the deadline is not.
OBJECTIVE: Final = 0.999
_BUDGET: Final = "0.001"
# Fewer answers than these in the long window say too little.
_LEAST: Final = 100
_WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def errors(window: str) -> str:
    """Return the name of the record of the share of answers that missed their SLA in *window*."""
    return f"route:rendezvous_sla_errors:ratio_rate{window}"


def _record(window: str) -> Record:
    within = f'sum by (route) (rate(rendezvous_sla_used_ratio_bucket{{le="1.0"}}[{window}]))'
    of_all = f"sum by (route) (rate(rendezvous_sla_used_ratio_count[{window}]))"
    return Record(errors(window), f"1 - {within} / {of_all}")


def _burn(short: str, long: str, factor: str) -> str:
    limit = f"({factor} * {_BUDGET})"
    enough = f"sum by (route) (increase(rendezvous_sla_used_ratio_count[{long}])) > {_LEAST}"
    return f"({errors(short)} > {limit} and {errors(long)} > {limit} and {enough})"


SLA: Final = Group(
    "rendezvous-sla",
    (
        *(_record(window) for window in _WINDOWS),
        Alert(
            "RendezvousSlaBurnsFast",
            "page",
            f"{_burn('5m', '1h', '14.4')}\nor\n{_burn('30m', '6h', '6')}",
            "2m",
            "Route {{ $labels.route }}: {{ $value | humanizePercentage }} of its answers miss the SLA",
            "The error budget of a month (0.1 % of the answers) is gone within two to five days at this rate.",
        ),
        Alert(
            "RendezvousSlaBurns",
            "ticket",
            f"{_burn('2h', '1d', '3')}\nor\n{_burn('6h', '3d', '1')}",
            "15m",
            "Route {{ $labels.route }}: {{ $value | humanizePercentage }} of its answers miss the SLA",
            "The error budget of a month (0.1 % of the answers) will not last for the month at this rate.",
        ),
    ),
)
