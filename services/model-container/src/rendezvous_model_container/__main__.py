"""Run a model container."""

from rendezvous_runtime.shell import serve

from rendezvous_model_container.app import create_app
from rendezvous_model_container.settings import ContainerSettings

if __name__ == "__main__":
    serve(create_app, ContainerSettings)
