# ruff: noqa: E501 - a query, or a sentence, reads better unbroken
"""The dashboard of the models: how fast they score, what they say, and how that differs from the canary."""

from typing import Any, Final

from tools.dashboards.panels import bars, choice, heat, lines, new_dashboard, number, rows

_MODEL: Final = '{model=~"$model"}'
_PSI_STEPS: Final = ((None, "green"), (0.1, "orange"), (0.25, "red"))
_LATE_STEPS: Final = ((None, "green"), (0.01, "orange"), (0.1, "red"))
_ALARM_STEPS: Final = ((None, "green"), (1, "red"))


def build() -> Any:
    """Return the dashboard."""
    board = new_dashboard(
        "models",
        "Rendezvous / Models",
        "Each model: how fast it scores, what it says, how that differs from the canary, how often it is chosen.",
    ).with_variable(choice("model", "Model", "rendezvous_scoring_model_ready"))
    for panel in (*_numbers(), *_speed(), *_content()):
        board = board.with_panel(panel)
    return board


def _numbers() -> list[Any]:
    return [
        number(
            "Ready",
            "Processes whose model can score, of the chosen models.",
            (f"sum (rendezvous_scoring_model_ready{_MODEL})", "ready"),
            unit="short",
            steps=((None, "red"), (1, "green")),
        ),
        number(
            "Scores",
            "Scores in a second that the model containers and the canary send.",
            (f"sum (rate(rendezvous_scoring_scores_total{_MODEL}[$__rate_interval]))", "scores"),
            unit="ops",
        ),
        number(
            "Late or missing",
            "Share of the scores asked for that came after the answer, or not at all.",
            (
                (
                    "(sum (rate(rendezvous_scores_total"
                    '{model=~"$model", outcome=~"late|after_close"}[$__rate_interval]))'
                    f" + sum (rate(rendezvous_scores_missing_total{_MODEL}[$__rate_interval])))"
                    " / (sum (rate(rendezvous_scores_total"
                    '{model=~"$model", outcome=~"in_time|late|after_close"}[$__rate_interval]))'
                    f" + sum (rate(rendezvous_scores_missing_total{_MODEL}[$__rate_interval])))"
                ),
                "late",
            ),
            unit="percentunit",
            steps=_LATE_STEPS,
        ),
        number(
            "Largest drift",
            "The largest population stability index of any output against the canary: from 0.25 on, an alarm.",
            (f"max (rendezvous_canary_drift_ratio{_MODEL})", "drift"),
            unit="none",
            steps=_PSI_STEPS,
            decimals=3,
        ),
        number(
            "Alarms",
            "Outputs whose differences from the canary are spread in another way than at first.",
            (f"sum (rendezvous_canary_alarm{_MODEL})", "alarms"),
            unit="short",
            steps=_ALARM_STEPS,
        ),
        number(
            "Failed",
            "Share of the scores that are none: the model raised, the features did not fit, or it was not loaded.",
            (
                (
                    "sum (rate(rendezvous_scoring_scores_total"
                    '{model=~"$model", status=~"failed|invalid_input|not_ready"}[$__rate_interval]))'
                    f" / sum (rate(rendezvous_scoring_scores_total{_MODEL}[$__rate_interval]))"
                ),
                "failed",
            ),
            unit="percentunit",
            steps=_LATE_STEPS,
        ),
    ]


def _speed() -> list[Any]:
    return [
        lines(
            "Time to the score",
            "From a request's arrival to a model's score: half of them, and 99 of 100. Dots are requests with a "
            "trace.",
            (_quantile(0.5), "{{model}} p50"),
            (_quantile(0.99), "{{model}} p99"),
            unit="s",
            exemplars=True,
        ),
        heat(
            "Time to the score, spread",
            "Scores in a second by the time from their request's arrival, of the chosen models.",
            f"sum by (le) (rate(rendezvous_scoring_latency_seconds_bucket{_MODEL}[$__rate_interval]))",
            unit="s",
        ),
        lines(
            "Scores by status",
            "Scores in a second. expired: the deadline had passed; invalid_input: the features do not fit; "
            "failed: the model raised; not_ready: it was not loaded.",
            (
                f"sum by (model, status) (rate(rendezvous_scoring_scores_total{_MODEL}[$__rate_interval]))",
                "{{model}} {{status}}",
            ),
            unit="ops",
            stacked=True,
        ),
        lines(
            "Scores at the join",
            "Scores in a second by what became of them: in_time and late are the rule; early ones wait for their "
            "input.",
            (
                f"sum by (model, outcome) (rate(rendezvous_scores_total{_MODEL}[$__rate_interval]))",
                "{{model}} {{outcome}}",
            ),
            unit="ops",
            stacked=True,
        ),
        lines(
            "Late or missing, by model",
            "Share of the scores asked of a model that came after the answer, or not at all.",
            (
                (
                    "sum by (model) (rate(rendezvous_scores_total"
                    '{model=~"$model", outcome=~"late|after_close"}[$__rate_interval]))'
                    " / sum by (model) (rate(rendezvous_scores_total"
                    '{model=~"$model", outcome=~"in_time|late|after_close"}[$__rate_interval]))'
                ),
                "{{model}} late",
            ),
            (
                (
                    f"sum by (model) (rate(rendezvous_scores_missing_total{_MODEL}[$__rate_interval]))"
                    " / (sum by (model) (rate(rendezvous_scores_missing_total"
                    f"{_MODEL}[$__rate_interval]))"
                    f" + sum by (model) (rate(rendezvous_scores_total{_MODEL}[$__rate_interval])))"
                ),
                "{{model}} missing",
            ),
            unit="percentunit",
            steps=_LATE_STEPS,
        ),
        lines(
            "Time per row",
            "Time that a model took for a row, on average: what scoring itself costs, without waiting.",
            (
                (
                    f"sum by (model) (rate(rendezvous_scoring_seconds_total{_MODEL}[$__rate_interval]))"
                    f" / sum by (model) (rate(rendezvous_scoring_rows_total{_MODEL}[$__rate_interval]))"
                ),
                "{{model}}",
            ),
            unit="s",
        ),
    ]


def _content() -> list[Any]:
    return [
        bars(
            "What the models say",
            "Scores in the chosen time by the value of their output, side by side. A bin is named by its end that "
            "is nearer to zero.",
            "sum by (model, output, bin) (round(increase(rendezvous_scoring_outputs_total"
            f"{_MODEL}[$__range])))",
            unit="short",
            over="bin",
            by="model",
            width=12,
        ),
        lines(
            "Size of the difference from the canary",
            "Mean size of the difference from the canary's output on the same request, in the output's own unit.",
            (
                (
                    "sum by (route, model, output)"
                    f" (rate(rendezvous_canary_absolute_delta_total{_MODEL}[$__rate_interval]))"
                    " / sum by (route, model, output)"
                    f" (rate(rendezvous_canary_outputs_total{_MODEL}[$__rate_interval]))"
                ),
                "{{route}} {{model}} {{output}}",
            ),
            unit="none",
        ),
        lines(
            "Drift",
            "Population stability index of the differences from the canary: the last 500 against the first. From "
            "0.1 on something has changed, from 0.25 on it is an alarm.",
            (
                f"max by (route, model, output) (rendezvous_canary_drift_ratio{_MODEL})",
                "{{route}} {{model}} {{output}}",
            ),
            unit="none",
            steps=_PSI_STEPS,
        ),
        lines(
            "Chosen",
            "Share of all answers of models that each model gave.",
            (
                (
                    "sum by (model) (rate(rendezvous_answers_total"
                    '{model=~"$model", source="model"}[$__rate_interval]))'
                    " / ignoring (model) group_left ()"
                    ' sum (rate(rendezvous_answers_total{source="model"}[$__rate_interval]))'
                ),
                "{{model}}",
            ),
            unit="percentunit",
            stacked=True,
        ),
        rows(
            "Differences since the canary's start",
            "Percentiles of the size of the difference from the canary, since the canary was started.",
            f"max by (route, model, output, percentile) (rendezvous_canary_delta{_MODEL})",
            unit="none",
            columns=("route", "model", "output", "percentile"),
            width=12,
        ),
        lines(
            "Comparisons",
            "Scores in a second by what became of them in the comparison with the canary.",
            (
                f"sum by (model, fate) (rate(rendezvous_canary_scores_total{_MODEL}[$__rate_interval]))",
                "{{model}} {{fate}}",
            ),
            unit="ops",
        ),
    ]


def _quantile(share: float) -> str:
    buckets = f"rate(rendezvous_scoring_latency_seconds_bucket{_MODEL}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le, model) ({buckets}))"
