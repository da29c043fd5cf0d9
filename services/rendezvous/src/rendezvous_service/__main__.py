"""Runs the rendezvous: python -m rendezvous_service."""

from rendezvous_runtime.shell import serve

from rendezvous_service.app import create_app
from rendezvous_service.settings import RendezvousSettings

if __name__ == "__main__":
    serve(create_app, RendezvousSettings)
