"""
Which containers are to be scraped, in the form of Prometheus' HTTP service discovery.

Told is what is wanted, not what is there: what is down then shows as down, and is something to alert on.
https://prometheus.io/docs/prometheus/latest/http_sd/
"""

from collections.abc import Mapping
from typing import Any, Final

from faust.web import Request, Response, View
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp

from rendezvous_operator.goals import Goal, goals
from rendezvous_operator.settings import OperatorSettings

PATH: Final = "/targets"
# That of every image of a model container.
_WEB_PORT: Final = 6073


def targets(wanted: Mapping[str, Goal], owner: str) -> list[dict[str, Any]]:
    """Return a group for each container of *wanted*, under the name that *owner*'s have on their network."""
    return [
        {
            "targets": [f"{owner}.{each.name}:{_WEB_PORT}"],
            "labels": {"deployment": goal.deployment, "instance": each.name},
        }
        for goal in wanted.values()
        for each in goal.instances
    ]


def add_targets(app: ServiceApp, settings: OperatorSettings, control: ControlView) -> None:
    """Serve them at PATH, if they are to be found under their names."""
    if settings.backend != "docker":
        return

    async def shown(view: View, _: Request) -> Response:
        return view.json(targets(goals(control.state), settings.owner))

    app.page(PATH)(shown)
