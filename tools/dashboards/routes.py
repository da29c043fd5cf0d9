"""The dashboard of the routes: who answered, in time or not, and why not."""

from typing import Any

from tools.dashboards.panels import choice, lines, new_dashboard


def build() -> Any:
    """Return the dashboard."""
    return (
        new_dashboard(
            "routes", "Rendezvous / Routes", "Answers of each route: how fast, by whom, and in time."
        )
        .with_variable(choice("route", "Route", "rendezvous_answer_seconds_count"))
        .with_panel(
            lines(
                "Answers by source",
                "Answers in a second: by a model, or the route's default because none could answer in time.",
                (
                    (
                        'sum by (route, source) (rate(rendezvous_answer_seconds_count{route=~"$route"}'
                        "[$__rate_interval]))"
                    ),
                    "{{route}} {{source}}",
                ),
                unit="reqps",
            )
        )
    )
