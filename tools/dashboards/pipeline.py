"""The dashboard of the pipeline: how far each service is behind, what it moves, and what goes wrong."""

from typing import Any

from tools.dashboards.panels import lines, new_dashboard


def build() -> Any:
    """Return the dashboard."""
    return new_dashboard(
        "pipeline", "Rendezvous / Pipeline", "The services on the log: lag, rates, errors."
    ).with_panel(
        lines(
            "Lag",
            "Records that a service has not read yet.",
            ("sum by (job, topic) (rendezvous_plane_lag_records)", "{{job}} {{topic}}"),
            unit="short",
        )
    )
