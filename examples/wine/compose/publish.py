"""
Brings the models and the route in: python -m examples.wine.compose.publish.

It runs at each `docker compose up`, and leaves a route that is there as it is: what was said in the log since
the first time counts. Exit codes are those of `rendezvous apply`.
"""

import shutil
import sys
import time
from typing import Final

import yaml
from rendezvous_client import ClientError, read_state

from examples.wine.compose.command_line import start
from examples.wine.compose.settings import ROUTE, Settings

ATTEMPTS: Final = 10
PAUSE_S: Final = 3.0


def next_champion(settings: Settings) -> str:
    """Return the document of the next champion, without the route that brings it in."""
    text = (settings.trained / "champion.yaml").read_text(encoding="utf-8")
    return yaml.safe_dump_all([each for each in yaml.safe_load_all(text) if "model" in each], sort_keys=False)


def bring_in(settings: Settings) -> int:
    """Publish all models and the route, if the log has no route; what is so already stays untouched."""
    if ROUTE in read_state(settings.kafka).routes:
        print(f"the log has the route {ROUTE} already: nothing is changed")
        return 0
    first = str(settings.trained / "policy.yaml")
    how = ("--no-wait", "--author", "examples/wine", "--reason", "the models of the example")
    return start("apply", "-f", first, "-f", "-", *how, stdin=next_champion(settings)).wait()


def main() -> int:
    """Put the documents where the containers find them, publish what is new, and return the exit code."""
    settings = Settings.read()
    if settings.models != settings.trained:
        for document in settings.trained.glob("*.pmml"):
            shutil.copy(document, settings.models)
    # A broker that has just begun may let go of its topics again while all others begin.
    for left in reversed(range(ATTEMPTS)):
        try:
            code = bring_in(settings)
        except ClientError as error:
            print(f"error: {error}", file=sys.stderr)
            code = 1
        if code == 0 or not left:
            break
        time.sleep(PAUSE_S)
    return code


if __name__ == "__main__":
    sys.exit(main())
