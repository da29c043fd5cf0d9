"""Runs the gateway."""

from rendezvous_runtime.settings import read_settings
from rendezvous_runtime.shell import run

from rendezvous_gateway.app import create_app
from rendezvous_gateway.settings import GatewaySettings

if __name__ == "__main__":
    run(create_app(read_settings(GatewaySettings)))
