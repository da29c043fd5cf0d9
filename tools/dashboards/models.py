"""The dashboard of the models: how fast they score, what they say, and how that differs from the canary."""

from typing import Any

from tools.dashboards.panels import lines, new_dashboard


def build() -> Any:
    """Return the dashboard."""
    return new_dashboard(
        "models", "Rendezvous / Models", "Each model: how fast it scores, and what."
    ).with_panel(
        lines(
            "Scores by status",
            "Scores in a second, as the model containers send them.",
            (
                "sum by (model, status) (rate(rendezvous_scoring_scores_total[$__rate_interval]))",
                "{{model}} {{status}}",
            ),
            unit="ops",
        )
    )
