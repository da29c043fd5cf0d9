"""Run an operator."""

from rendezvous_runtime.shell import serve

from rendezvous_operator.app import create_app
from rendezvous_operator.settings import OperatorSettings

if __name__ == "__main__":
    serve(create_app, OperatorSettings)
