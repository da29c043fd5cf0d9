"""Run a canary."""

from rendezvous_runtime.shell import serve

from rendezvous_canary.app import create_app
from rendezvous_canary.settings import CanarySettings

if __name__ == "__main__":
    serve(create_app, CanarySettings)
