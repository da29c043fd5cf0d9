"""`rendezvous send`: ask a route, and see where the answer comes from."""

import sys
import uuid
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Final

import typer
from rendezvous_client.answers import Answered
from rendezvous_client.plain import to_json
from rendezvous_client.questions import Question
from rendezvous_contracts.durations import parse_duration
from rich.console import Console
from rich.progress import Progress

from rendezvous_cli.asking import ByGateway, ByKafka, Way
from rendezvous_cli.errors import CliError, UsageError
from rendezvous_cli.fields import STDIN, Declared, Values, read_fields, read_rows
from rendezvous_cli.options import DEFAULT_BOOTSTRAP, Bootstrap, OutputForm, broker, read_seconds
from rendezvous_cli.terminal import Output, errors_explained, note, show_record, show_rows

_COLUMNS: Final = ("id", "outputs", "source", "model", "rule", "revision", "elapsed_ms", "late_ms", "reason")

Route = Annotated[str, typer.Argument(help="The route to ask.", show_default=False)]
Field = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="NAME=VALUE", help="A field of the question; repeat it."),
]
File = Annotated[
    str,
    typer.Option(metavar="FILE|-", help="Ask for each row of a .csv or .ndjson file; - is lines of JSON."),
]
Budget = Annotated[
    str, typer.Option(metavar="DURATION", help="How long you can wait, like 30ms; it only tightens the SLA.")
]
Gateway = Annotated[
    str, typer.Option(metavar="URL", envvar="RENDEZVOUS_GATEWAY", help="Ask over HTTP, at this gateway.")
]
OverKafka = Annotated[bool, typer.Option("--kafka", help="Ask over Kafka directly, without a gateway.")]
Id = Annotated[str, typer.Option("--id", help="The question's id; asked again, it gets the same answer.")]
Key = Annotated[str, typer.Option(help="What a ramp goes by, such as a customer.")]
Model = Annotated[str, typer.Option(metavar="NAME@VERSION", help="The model that shall answer.")]
Timeout = Annotated[str, typer.Option(metavar="DURATION", help="How long to wait for an answer at all.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    app.command()(send)


def send(
    route: Route,
    field: Field = None,
    file: File = "",
    budget: Budget = "0ms",
    gateway: Gateway = "http://127.0.0.1:8080",
    kafka: OverKafka = False,
    id_: Id = "",
    key: Key = "",
    model: Model = "",
    timeout: Timeout = "10s",
    bootstrap_servers: Bootstrap = DEFAULT_BOOTSTRAP,
    output: OutputForm = Output.TABLE,
) -> None:
    """
    Ask a route, and show the answer with where it comes from.

    Exit codes: 0 answered, by a model or by the route's default, 1 failed or refused, 2 usage, 3 no answer
    in time.
    """
    with errors_explained(), ExitStack() as stack:
        if file and (field or id_):
            raise UsageError("--file brings the fields and makes the ids: leave out --field and --id")
        common = Question(route, {}, budget_us=parse_duration(budget), key=key, model=model)
        seconds = read_seconds(timeout)
        way = stack.enter_context(_way(bootstrap_servers if kafka else None, gateway, seconds))
        if file:
            answers = _ask_rows(way, file, common)
            show_rows([_record(answer) for answer in answers], _COLUMNS, output, empty="no row, no question")
        else:
            values = read_fields(field or (), way.declared(route))
            answers = list(way.ask([replace(common, fields=values, id=id_ or common.id)]))
            show_record(_record(answers[0]), output)
        _end(answers)


def _way(bootstrap_servers: str | None, gateway: str, timeout_s: float) -> Way:
    if bootstrap_servers is None:
        return ByGateway(gateway, timeout_s)
    return ByKafka(broker(bootstrap_servers), timeout_s)


def _ask_rows(way: Way, source: str, common: Question) -> list[Answered]:
    """Ask for each row of *source*; all are read before the first is asked, so a bad row stops it in time."""
    rows = _read_rows(source, way.declared(common.route))
    questions = [replace(common, fields=values, id=uuid.uuid4().hex) for values in rows]
    with Progress(console=Console(stderr=True), transient=True) as progress:
        return list(progress.track(way.ask(questions), len(questions), description="asking"))


def _read_rows(source: str, declared: Declared) -> list[Values]:
    try:
        if source == STDIN:
            return list(read_rows(sys.stdin, source, declared))
        with Path(source).open(encoding="utf-8-sig", newline="") as file:
            return list(read_rows(file, source, declared))
    except OSError as error:
        raise UsageError(f"{source} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CliError(f"{source} is not a text in UTF-8: {error.reason} at byte {error.start}") from error


def _record(answer: Answered) -> dict[str, object]:
    outputs = {name: to_json(value) for name, value in sorted(answer.outputs.items())}
    return asdict(answer) | {
        "outputs": outputs,
        "arrivals": [arrival._asdict() for arrival in answer.arrivals],
    }


def _end(answers: list[Answered]) -> None:
    refused = [answer for answer in answers if answer.source == "refused"]
    late = sum(answer.late_ms > 0 for answer in answers)
    if late:
        note(f"{late} of {len(answers)} came after the deadline", style="yellow")
    if refused:
        raise CliError(f"{len(refused)} of {len(answers)} were refused: {refused[0].reason}")
