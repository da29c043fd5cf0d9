# ruff: noqa: E501 - a query, or a sentence, reads better unbroken
"""The dashboard of a roll-out: a switch seen happening."""

from typing import Any, Final

from tools.dashboards.panels import choice, lines, new_dashboard, number, rows

_ROUTE: Final = '{route=~"$route"}'
_STATE_STEPS: Final = ((None, "green"), (1, "orange"))


def build() -> Any:
    """Return the dashboard."""
    board = new_dashboard(
        "rollout",
        "Rendezvous / Roll-out",
        "A switch from one revision to the next: asked for, applied, passed on every partition, decided by.",
    ).with_variable(choice("route", "Route", "rendezvous_route_revision"))
    for panel in (*_numbers(), *_switch(), *_steps()):
        board = board.with_panel(panel)
    return board


def _numbers() -> list[Any]:
    return [
        number(
            "Revision asked for",
            "The newest revision of the chosen route in the control log.",
            (f"max (rendezvous_route_revision{_ROUTE})", "revision"),
            unit="none",
        ),
        number(
            "Revision passed everywhere",
            "The newest revision that has passed the rendezvous on all partitions that had a request.",
            (
                (
                    "min (max by (route, partition)"
                    ' (rendezvous_revision_passed{service="rendezvous", route=~"$route"}))'
                ),
                "passed",
            ),
            unit="none",
        ),
        number(
            "Control offset",
            "The control offset that all services have applied.",
            ("min (rendezvous_control_offset)", "offset"),
            unit="none",
        ),
        number(
            "Refused",
            "Control messages that were refused in the chosen time. `rendezvous audit` says why.",
            ("max (increase(rendezvous_control_refused_total[$__range]))", "refused"),
            unit="short",
            steps=_STATE_STEPS,
        ),
        number(
            "Paused",
            "Chosen routes whose changes are held.",
            (f"sum (max by (route) (rendezvous_route_paused{_ROUTE}))", "paused"),
            unit="short",
            steps=_STATE_STEPS,
        ),
        number(
            "Roll-outs under way",
            "Chosen routes with a gated roll-out that has not ended.",
            (
                (
                    "sum (max by (route) (rendezvous_rollout_outcome"
                    '{route=~"$route", outcome="running"})) or vector(0)'
                ),
                "running",
            ),
            unit="short",
        ),
    ]


def _switch() -> list[Any]:
    return [
        lines(
            "Decisions by revision",
            "Requests decided in a second, by the revision they were decided under: one goes as the other comes.",
            (
                f"sum by (route, revision) (rate(rendezvous_decisions_total{_ROUTE}[$__rate_interval]))",
                "{{route}} revision {{revision}}",
            ),
            unit="reqps",
            stacked=True,
        ),
        lines(
            "Revision by partition",
            "The newest revision that has passed the rendezvous on each partition, and the one asked for.",
            (
                (
                    "max by (route, partition)"
                    ' (rendezvous_revision_passed{service="rendezvous", route=~"$route"})'
                ),
                "{{route}} partition {{partition}}",
            ),
            (f"max by (route) (rendezvous_route_revision{_ROUTE})", "{{route}} asked for"),
            unit="none",
        ),
        lines(
            "Decisions under a revision that was replaced",
            "Requests decided in a second under an older revision than the newest in the control log: those on "
            "their way at a switch, and no more for long.",
            (
                f"sum by (route) (rate(rendezvous_decisions_behind_total{_ROUTE}[$__rate_interval]))",
                "{{route}}",
            ),
            unit="reqps",
        ),
        lines(
            "Control offset by service",
            "The control offset that the last process of each service has applied: equal lines are equal states.",
            ("min by (service) (rendezvous_control_offset)", "{{service}}"),
            unit="none",
        ),
        lines(
            "Who answers",
            "Share of each route's answers by the model that was chosen; none: a default.",
            (
                (
                    f"sum by (route, model) (rate(rendezvous_answers_total{_ROUTE}[$__rate_interval]))"
                    " / on (route) group_left ()"
                    f" sum by (route) (rate(rendezvous_answers_total{_ROUTE}[$__rate_interval]))"
                ),
                "{{route}} {{model}}",
            ),
            unit="percentunit",
            stacked=True,
        ),
        lines(
            "Share of the first tier",
            "What part of the requests the first tier gives each model: a ramp as it was asked for.",
            (
                f"max by (route, model) (rendezvous_route_share_ratio{_ROUTE})",
                "{{route}} {{model}}",
            ),
            unit="percentunit",
            stacked=True,
        ),
    ]


def _steps() -> list[Any]:
    return [
        lines(
            "Step of the roll-out",
            "The step of the newest roll-out, and how many it has. Step 0 is the shadow.",
            (f"max by (route, model) (rendezvous_rollout_step{_ROUTE})", "{{route}} {{model}} step"),
            (f"max by (route, model) (rendezvous_rollout_steps{_ROUTE})", "{{route}} {{model}} of"),
            unit="none",
        ),
        rows(
            "Roll-outs",
            "How far the newest roll-out of each route is.",
            f"max by (route, model, outcome) (rendezvous_rollout_outcome{_ROUTE}) == 1",
            unit="none",
            columns=("route", "model", "outcome"),
            width=12,
        ),
        lines(
            "Containers",
            "Containers of each deployment that the operator wants, that run, and that are ready.",
            (
                "max by (deployment, state) (rendezvous_operator_containers)",
                "{{deployment}} {{state}}",
            ),
            unit="short",
        ),
        lines(
            "What the operator does",
            "Containers started, stopped and removed in a second, and attempts that failed.",
            (
                "sum by (action) (rate(rendezvous_operator_actions_total[$__rate_interval]))",
                "{{action}}",
            ),
            unit="ops",
        ),
    ]
