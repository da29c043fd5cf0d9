"""Runs the rendezvous: python -m rendezvous_service."""

from rendezvous_runtime.settings import read_settings
from rendezvous_runtime.shell import run

from rendezvous_service.app import create_app
from rendezvous_service.settings import RendezvousSettings

if __name__ == "__main__":
    run(create_app(read_settings(RendezvousSettings)))
