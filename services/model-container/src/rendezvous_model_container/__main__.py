"""Run a model container."""

from rendezvous_runtime.settings import read_settings
from rendezvous_runtime.shell import run

from rendezvous_model_container.app import create_app
from rendezvous_model_container.settings import ContainerSettings

if __name__ == "__main__":
    run(create_app(read_settings(ContainerSettings)))
