"""
Shows a roll-out: python -m examples.wine.compose.roll_out.

It has the operator run the other champion, asks about wines, publishes it while it goes on asking, and shows
who answered before and after. Run again, it goes back. Exit codes: 0 every question got an answer and the new
champion took over, 1 not so.
"""

import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Final

import yaml
from rendezvous_client import Answered, ClientError, GatewayAsker, Question, read_state
from rich.console import Console
from rich.table import Table

from examples.wine.compose.command_line import start
from examples.wine.compose.deploying import DOCUMENT, NotDeployedError, deploy, deployed_model
from examples.wine.compose.settings import ROUTE, Settings
from examples.wine.dataset import TARGET, Wines, read_wines

POLICIES: Final = ("policy.yaml", "champion.yaml")
WINES: Final = 8
PAUSE_S: Final = 0.02
FEWEST: Final = 50  # answers before the change, and answers of the new revision after it
PATIENCE_S: Final = 30.0


class NoRouteError(Exception):
    """There is nothing to roll out on."""


@dataclass
class Run:
    """
    What was seen: the *answers*, in order, the *revision* before the change, and the *next* champion.

    *refused*: the command line did not end with 0.
    """

    revision: int
    next: str
    answers: list[Answered] = field(default_factory=list)
    refused: bool = False

    @property
    def before(self) -> list[Answered]:
        """The answers under the revision that was there."""
        return [each for each in self.answers if each.revision == self.revision]

    @property
    def after(self) -> list[Answered]:
        """The answers under a later one."""
        return [each for each in self.answers if each.revision > self.revision]

    @property
    def defaults(self) -> int:
        """How many answers are the route's default, because no score came before the deadline."""
        return sum(each.source != "model" for each in self.answers)

    @property
    def taken_over(self) -> bool:
        """Whether the new champion answers."""
        if self.refused:
            return False
        return len(self.after) >= FEWEST and any(each.model == self.next for each in self.after)


def roll_out(settings: Settings, wines: Wines, console: Console) -> Run:
    """Ask, change the champion by the command line, and ask until the next one answers."""
    entry = read_state(settings.kafka).routes.get(ROUTE)
    if entry is None:
        raise NoRouteError(f"there is no route {ROUTE}: run `docker compose up` first")
    champion = entry.current.route.schedule[0].model
    champions = {_champion(settings.trained / name): name for name in POLICIES}
    run = Run(entry.current.number, next(model for model in champions if model != champion))
    policy = champions[run.next]
    if run.next == deployed_model():
        console.print(f"The operator is to run {run.next}: rendezvous apply -f {DOCUMENT.name}")
        console.print(f"{run.next} is ready after {deploy(settings):.0f} s.")
    with GatewayAsker(settings.gateway) as asker:
        answers = _ask(asker, wines)
        _warm_up(answers)
        console.print(f"Asking about wines; revision {run.revision}, champion {champion}.")
        run.answers += [next(answers) for _ in range(FEWEST)]
        console.print(f"While questions go on: rendezvous apply -f {policy}")
        told = start("apply", "-f", str(settings.trained / policy), "--author", "demo", "--reason", "a demo")
        deadline = time.monotonic() + PATIENCE_S
        while len(run.after) < FEWEST and time.monotonic() < deadline:
            run.answers.append(next(answers))
        run.refused = told.wait() != 0
    return run


def table(run: Run) -> Table:
    """Return the answers to the same wines before and after."""
    shown = Table("wine", "before", "by", "ms", "after", "by", "ms", title="The same wines, before and after")
    after = {_wine(each): each for each in run.after}
    for each in run.before[:WINES]:
        shown.add_row(f"{_wine(each) + 1}", *_cells(each), *_cells(after.get(_wine(each))))
    return shown


def main() -> int:
    """Show the roll-out and return the exit code."""
    console = Console() if sys.stdout.isatty() else Console(width=120)
    try:
        run = roll_out(Settings.read(), read_wines(), console)
    except (ClientError, NoRouteError, NotDeployedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    console.print(table(run))
    for revision, number in sorted(Counter(each.revision for each in run.answers).items()):
        models = Counter(each.model or each.source for each in run.answers if each.revision == revision)
        told = ", ".join(f"{model} {times}" for model, times in models.most_common())
        console.print(f"revision {revision}: {number} answers ({told})")
    if run.defaults:
        console.print(f"{run.defaults} are the route's default: no score came in time. Is this machine busy?")
    passed = "PASSED" if run.taken_over else "FAILED"
    number = len(run.answers)
    console.print(f"{passed}: {number} questions, {number} answers; {run.next} took over: {run.taken_over}.")
    return 0 if run.taken_over else 1


def _champion(policy: Path) -> str:
    """Return the model of the first tier of the route of *policy*."""
    documents = yaml.safe_load_all(policy.read_text(encoding="utf-8"))
    return next(str(each["schedule"][0]["use"]) for each in documents if "route" in each)


def _ask(asker: GatewayAsker, wines: Wines) -> Iterator[Answered]:
    """Answer after answer, about the same few wines by turns."""
    run = uuid.uuid4().hex
    for number in count():
        wine = number % WINES
        question = dict(zip(wines.names, wines.features[wine], strict=True))
        yield asker.ask(Question(ROUTE, question, id=f"{run}-{number}-{wine}"))
        time.sleep(PAUSE_S)


def _warm_up(answers: Iterator[Answered]) -> None:
    """Ask until models answer: the first questions after a start meet processes that have just begun."""
    deadline = time.monotonic() + PATIENCE_S
    sources: list[str] = []
    while set(sources[-WINES:]) != {"model"} and time.monotonic() < deadline:
        sources.append(next(answers).source)


def _wine(answer: Answered) -> int:
    return int(answer.id.rsplit("-", 1)[1])


def _cells(answer: Answered | None) -> tuple[str, str, str]:
    if answer is None:
        return "", "", ""
    said = answer.outputs.get(TARGET)
    quality = f"{said:.2f}" if isinstance(said, float) else str(said)
    return quality, answer.model or answer.source, f"{answer.elapsed_ms:.1f}"


if __name__ == "__main__":
    sys.exit(main())
