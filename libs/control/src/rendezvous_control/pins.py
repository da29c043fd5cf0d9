"""Whether a request may be answered by the model that it names."""

from rendezvous_contracts.routes import ranked_models
from scoring.v1.control_pb2 import Route

from rendezvous_control.state import State


def pin_problem(state: State, route: Route, model: str) -> str:
    """
    Return why *model* (name@version) cannot answer a request on *route*, for people; empty where it can.

    Any registered model can, whether the route names it or not. Where a route asks for approval, who asks it
    gets around that no more than who changes it.
    """
    entry = state.models.get(model)
    if entry is None:
        return "it is not registered"
    if entry.removed:
        return "it was removed"
    if route.requires_approval and not entry.approved and model not in ranked_models(route):
        return f"route {route.name} asks for approval and it has none"
    return ""
