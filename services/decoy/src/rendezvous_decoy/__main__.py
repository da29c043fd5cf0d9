"""Runs the decoy: python -m rendezvous_decoy."""

from rendezvous_runtime.settings import read_settings
from rendezvous_runtime.shell import run

from rendezvous_decoy.app import create_app
from rendezvous_decoy.settings import DecoySettings

if __name__ == "__main__":
    run(create_app(read_settings(DecoySettings)))
