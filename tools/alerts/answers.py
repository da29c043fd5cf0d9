# ruff: noqa: E501 - a query, or a sentence, reads better unbroken
"""What answers, and what does not: defaults, the gateway's own, models that are late, silent or wrong."""

from typing import Final

from tools.alerts.alert import Alert, Group, Record

DEFAULTS: Final = "route:rendezvous_defaults:ratio_rate5m"
LATE: Final = "model:rendezvous_scores_late:ratio_rate5m"
MISSING: Final = "model:rendezvous_scores_missing:ratio_rate5m"
FAILED: Final = "model:rendezvous_scores_failed:ratio_rate5m"
_ASKED: Final = (
    '(sum by (model) (rate(rendezvous_scores_total{outcome=~"in_time|late|after_close"}[5m]))'
    " + sum by (model) (rate(rendezvous_scores_missing_total[5m])))"
)

ANSWERS: Final = Group(
    "rendezvous-answers",
    (
        Record(
            DEFAULTS,
            'sum by (route) (rate(rendezvous_answers_total{source="default"}[5m]))'
            " / sum by (route) (rate(rendezvous_answers_total[5m]))",
        ),
        Record(
            LATE,
            f'sum by (model) (rate(rendezvous_scores_total{{outcome=~"late|after_close"}}[5m])) / {_ASKED}',
        ),
        Record(MISSING, f"sum by (model) (rate(rendezvous_scores_missing_total[5m])) / {_ASKED}"),
        Record(
            FAILED,
            "sum by (model) (rate(rendezvous_scoring_scores_total"
            '{status=~"failed|invalid_input|not_ready"}[5m]))'
            " / sum by (model) (rate(rendezvous_scoring_scores_total[5m]))",
        ),
        Alert(
            "RendezvousDefaultShare",
            "page",
            f"{DEFAULTS} > 0.05",
            "5m",
            "Route {{ $labels.route }}: {{ $value | humanizePercentage }} of its answers are its default",
            "No model's score could be used for these: callers get what the route says in that case.",
        ),
        Alert(
            "RendezvousGatewayAnswersItself",
            "page",
            'sum by (route) (rate(rendezvous_gateway_answer_seconds_count{source="gateway"}[5m]))'
            " / sum by (route) (rate(rendezvous_gateway_answer_seconds_count[5m])) > 0.01",
            "2m",
            "Route {{ $labels.route }}: the gateway gives {{ $value | humanizePercentage }} of its answers itself",
            "No answer came back through the log in time: the log, the feature-extractor or the rendezvous is "
            "away or behind.",
        ),
        Alert(
            "RendezvousModelLate",
            "ticket",
            f"{LATE} > 0.1",
            "10m",
            "Model {{ $labels.model }}: {{ $value | humanizePercentage }} of its scores come after the answer",
            "Its scores come to no use; where it is the champion, a later tier or the default answers.",
        ),
        Alert(
            "RendezvousModelSilent",
            "page",
            f"{MISSING} > 0.5",
            "5m",
            "Model {{ $labels.model }}: {{ $value | humanizePercentage }} of its scores never come",
            "Its containers are down, not ready, or far behind.",
        ),
        Alert(
            "RendezvousModelFails",
            "ticket",
            f"{FAILED} > 0.05",
            "5m",
            "Model {{ $labels.model }} fails on {{ $value | humanizePercentage }} of its inputs",
            "It raises, the features do not fit its declared inputs, or it is not loaded.",
        ),
        Alert(
            "RendezvousCanaryDrift",
            "ticket",
            "max by (route, model, output) (rendezvous_canary_alarm) == 1",
            "5m",
            "Model {{ $labels.model }} on route {{ $labels.route }}: {{ $labels.output }} has moved away from the "
            "canary",
            "Its differences from the canary are spread in another way than when the canary was started.",
        ),
    ),
)
