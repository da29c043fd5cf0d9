"""
Brings the models and the route in: python -m examples.wine.compose.publish.

It runs at each `docker compose up`, and changes a route that is there already in nothing: what the log says
since then is the truth.
"""

import shutil
import sys

from rendezvous_cli.errors import CliError
from rendezvous_client.control import read_state
from rendezvous_client.errors import ClientError
from rendezvous_contracts.errors import ContractError

from examples.wine.compose.publishing import ROUTE, publish, read_policy
from examples.wine.compose.settings import Settings


def bring_in(settings: Settings) -> None:
    """Put the documents where the containers find them, and publish what the log does not have yet."""
    for document in settings.trained.glob("*.pmml"):
        if settings.models != settings.trained:
            shutil.copy(document, settings.models)
    first, second = (read_policy(settings.trained / name) for name in ("policy.yaml", "champion.yaml"))
    state = read_state(settings.kafka)
    models = [each for each in [*first, *second] if each.kind == "model" and state.model(each.name) is None]
    routes = [each for each in first if each.kind == "route" and ROUTE not in state.routes]
    for each in publish(settings.kafka, [*models, *routes], "examples/wine", "the models of the example"):
        print(f"{each.kind} {each.name}: {each.result}")
    if not models and not routes:
        print("the log has the models and the route already: nothing is changed")


def main() -> int:
    """Return the exit code: 0 everything is published, 1 it is not, and why is on stderr."""
    try:
        bring_in(Settings.read())
    except (CliError, ClientError, ContractError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
