"""The dashboard of a roll-out: a switch seen happening."""

from typing import Any

from tools.dashboards.panels import lines, new_dashboard


def build() -> Any:
    """Return the dashboard."""
    return new_dashboard(
        "rollout", "Rendezvous / Roll-out", "A switch from one revision to the next."
    ).with_panel(
        lines(
            "Containers",
            "Containers that the operator wants, that run, and that are ready.",
            (
                "sum by (deployment, state) (rendezvous_operator_containers)",
                "{{deployment}} {{state}}",
            ),
            unit="short",
        )
    )
