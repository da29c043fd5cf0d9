"""Run a canary."""

from rendezvous_runtime.settings import read_settings
from rendezvous_runtime.shell import run

from rendezvous_canary.app import create_app
from rendezvous_canary.settings import CanarySettings

if __name__ == "__main__":
    run(create_app(read_settings(CanarySettings)))
