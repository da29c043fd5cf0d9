# ruff: noqa: E501 - a query, or a sentence, reads better unbroken
"""The dashboard of the routes: who answered, in time or not, and why not."""

from typing import Any, Final

from tools.dashboards.panels import choice, heat, lines, new_dashboard, number

_ROUTE: Final = '{route=~"$route"}'
_IN_TIME: Final = '{route=~"$route", source=~"model|default", le="1.0"}'
_ANSWERED: Final = '{route=~"$route", source=~"model|default"}'
_SHARE_STEPS: Final = ((None, "red"), (0.99, "orange"), (0.999, "green"))
_DEFAULT_STEPS: Final = ((None, "green"), (0.01, "orange"), (0.05, "red"))


def build() -> Any:
    """Return the dashboard."""
    board = new_dashboard(
        "routes", "Rendezvous / Routes", "The answers of each route: how fast, by whom, and whether in time."
    ).with_variable(choice("route", "Route", "rendezvous_answers_total"))
    for panel in (*_numbers(), *_over_time()):
        board = board.with_panel(panel)
    return board


def _numbers() -> list[Any]:
    answers = f"sum (rate(rendezvous_answers_total{_ROUTE}[$__rate_interval]))"
    defaults = 'sum (rate(rendezvous_answers_total{route=~"$route", source="default"}[$__rate_interval])) or vector(0)'
    return [
        number("Answers", "Answers in a second, of the chosen routes.", (answers, "answers"), unit="reqps"),
        number(
            "Within SLA",
            "Share of answers that left within the SLA of their route. A default that waited for the deadline "
            "is not: the whole budget was used up.",
            (
                (
                    f"sum (rate(rendezvous_sla_used_ratio_bucket{_IN_TIME}[$__rate_interval]))"
                    f" / sum (rate(rendezvous_sla_used_ratio_count{_ANSWERED}[$__rate_interval]))"
                ),
                "within SLA",
            ),
            unit="percentunit",
            steps=_SHARE_STEPS,
        ),
        number(
            "Defaults",
            "Share of answers that are the route's default, because no model's score could be used.",
            (f"({defaults}) / {answers}", "defaults"),
            unit="percentunit",
            steps=_DEFAULT_STEPS,
        ),
        number(
            "p99",
            "99 of 100 answers left within this time after their request's arrival.",
            (_quantile(0.99, "le"), "p99"),
            unit="s",
        ),
        number(
            "SLA",
            "The SLA of the chosen route; of several, the tightest.",
            (f"min (rendezvous_route_sla_seconds{_ROUTE})", "SLA"),
            unit="s",
        ),
        number(
            "Open questions",
            "Questions in the memory of the rendezvous: unanswered, or open for late scores.",
            ("sum (rendezvous_mailboxes_open)", "open"),
            unit="short",
        ),
    ]


def _over_time() -> list[Any]:
    return [
        lines(
            "Answers by source",
            "Answers in a second: of a model; the route's default; refused, because there is no such route.",
            (
                f"sum by (route, source) (rate(rendezvous_answers_total{_ROUTE}[$__rate_interval]))",
                "{{route}} {{source}}",
            ),
            unit="reqps",
            stacked=True,
        ),
        lines(
            "Share within SLA",
            "Share of answers within the SLA of their route. The dashed lines are 99 % and 99.9 %.",
            (
                (
                    f"sum by (route) (rate(rendezvous_sla_used_ratio_bucket{_IN_TIME}[$__rate_interval]))"
                    f" / sum by (route) (rate(rendezvous_sla_used_ratio_count{_ANSWERED}[$__rate_interval]))"
                ),
                "{{route}}",
            ),
            unit="percentunit",
            steps=_SHARE_STEPS,
        ),
        heat(
            "SLA used",
            "Answers in a second by the share of their route's SLA that they took. What is above 1.0 was late.",
            f"sum by (le) (rate(rendezvous_sla_used_ratio_bucket{_ANSWERED}[$__rate_interval]))",
            unit="percentunit",
        ),
        lines(
            "Time to the answer",
            "From a request's arrival to its answer: half of them, 95 and 99 of 100. Dots are requests with a "
            "trace.",
            (_quantile(0.5, "le, route"), "{{route}} p50"),
            (_quantile(0.95, "le, route"), "{{route}} p95"),
            (_quantile(0.99, "le, route"), "{{route}} p99"),
            (f"rendezvous_route_sla_seconds{_ROUTE}", "{{route}} SLA"),
            unit="s",
            exemplars=True,
        ),
        lines(
            "Answers by tier",
            "Share of each route's answers by the tier that chose. Tier 0 is the default: no tier had a score.",
            (
                (
                    f"sum by (route, tier) (rate(rendezvous_answers_total{_ROUTE}[$__rate_interval]))"
                    " / on (route) group_left ()"
                    f" sum by (route) (rate(rendezvous_answers_total{_ROUTE}[$__rate_interval]))"
                ),
                "{{route}} tier {{tier}}",
            ),
            unit="percentunit",
            stacked=True,
        ),
        lines(
            "Answers by model",
            "Answers in a second by the model that was chosen. several: a tier that combines scores.",
            (
                (
                    "sum by (route, model) (rate(rendezvous_answers_total"
                    '{route=~"$route", source="model"}[$__rate_interval]))'
                ),
                "{{route}} {{model}}",
            ),
            unit="reqps",
            stacked=True,
        ),
        lines(
            "Defaults and late answers",
            "Share of answers that are the default, and of those that left more than a tenth of the SLA late.",
            (
                (
                    "sum by (route) (rate(rendezvous_answers_total"
                    '{route=~"$route", source="default"}[$__rate_interval]))'
                    f" / sum by (route) (rate(rendezvous_answers_total{_ROUTE}[$__rate_interval]))"
                ),
                "{{route}} default",
            ),
            (
                (
                    "1 - sum by (route) (rate(rendezvous_sla_used_ratio_bucket"
                    '{route=~"$route", source=~"model|default", le="1.1"}[$__rate_interval]))'
                    f" / sum by (route) (rate(rendezvous_sla_used_ratio_count{_ANSWERED}[$__rate_interval]))"
                ),
                "{{route}} late",
            ),
            unit="percentunit",
            steps=_DEFAULT_STEPS,
        ),
        lines(
            "Missing scores",
            "Scores in a second that had not come when their question was closed, by model.",
            (
                f"sum by (route, model) (rate(rendezvous_scores_missing_total{_ROUTE}[$__rate_interval]))",
                "{{route}} {{model}}",
            ),
            unit="ops",
        ),
        lines(
            "Answers at the gateway",
            "Answers in a second as HTTP callers get them. gateway: its own default, for the log did not answer.",
            (
                (
                    "sum by (route, source) (rate(rendezvous_gateway_answer_seconds_count"
                    f"{_ROUTE}[$__rate_interval]))"
                ),
                "{{route}} {{source}}",
            ),
            unit="reqps",
            stacked=True,
        ),
        heat(
            "Time to the answer at the gateway",
            "Answers in a second by the time from their request's arrival, as HTTP callers see it.",
            f"sum by (le) (rate(rendezvous_gateway_answer_seconds_bucket{_ROUTE}[$__rate_interval]))",
            unit="s",
        ),
    ]


def _quantile(share: float, by: str) -> str:
    buckets = f"rate(rendezvous_answer_seconds_bucket{_ROUTE}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by ({by}) ({buckets}))"
