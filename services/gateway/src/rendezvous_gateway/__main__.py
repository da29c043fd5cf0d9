"""Runs the gateway."""

from rendezvous_runtime.shell import serve

from rendezvous_gateway.app import create_app
from rendezvous_gateway.settings import GatewaySettings

if __name__ == "__main__":
    serve(create_app, GatewaySettings)
