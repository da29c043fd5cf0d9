"""The Faust application around every service's handler: control, health, metrics, state, start and stop."""

from rendezvous_runtime.shell.app import ServiceApp, create_service_app
from rendezvous_runtime.shell.worker import run, serve

__all__ = ["ServiceApp", "create_service_app", "run", "serve"]
