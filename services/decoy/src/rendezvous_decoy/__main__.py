"""Runs the decoy: python -m rendezvous_decoy."""

from rendezvous_runtime.shell import serve

from rendezvous_decoy.app import create_app
from rendezvous_decoy.settings import DecoySettings

if __name__ == "__main__":
    serve(create_app, DecoySettings)
