"""`rendezvous model check`: what a model says, offline, before it is published."""

from enum import StrEnum
from typing import Annotated

import typer

from rendezvous_cli.terminal import errors_explained


class Form(StrEnum):
    """In what form results are written."""

    TABLE = "table"
    JSON = "json"


Artifact = Annotated[
    str, typer.Argument(help="A file, a folder, or a location (https://, s3://, gs://, az://).")
]
Type = Annotated[str, typer.Option("--type", help="The model's type.", show_default="told from the content")]
Records = Annotated[
    str, typer.Option(metavar="FILE.csv|-", help="Rows to score, in CSV with a header; - is standard input.")
]
Golden = Annotated[
    str, typer.Option(metavar="FILE", help="Records that it must answer as written: a list, in YAML or JSON.")
]
Policy = Annotated[
    str, typer.Option(metavar="FILE", help="The model's policy document, for its type, options and fields.")
]
Settings = Annotated[
    list[str], typer.Option("--option", metavar="NAME=VALUE", help="What the type's runtime is told.")
]
Origins = Annotated[
    str, typer.Option(envvar="RENDEZVOUS_ARTIFACT_ORIGINS", help="Origins that redirects may lead to.")
]
Networks = Annotated[
    str,
    typer.Option(envvar="RENDEZVOUS_ARTIFACT_NETWORKS", help="Networks that are not public and may be read."),
]
Hosts = Annotated[
    str, typer.Option(envvar="RENDEZVOUS_REMOTE_HOSTS", help="Hosts that a remote model may be asked on.")
]
Secrets = Annotated[
    str, typer.Option(envvar="RENDEZVOUS_REMOTE_SECRETS", help="Folder of a remote model's secrets.")
]
Configs = Annotated[
    str,
    typer.Option(
        envvar="RENDEZVOUS_REMOTE_CONFIGS",
        help="Folder of server configurations that a remote model may change.",
    ),
]
Batch = Annotated[int, typer.Option(min=1, max=10_000, help="Rows that the model is given at once.")]
Heap = Annotated[
    int, typer.Option(envvar="RENDEZVOUS_JVM_HEAP_MB", min=16, help="What a JVM may use, in MB.")
]
OutputForm = Annotated[Form, typer.Option("--output", "-o", help="In what form results are written.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to *app*."""
    model = typer.Typer(no_args_is_help=True, help="Look at models.")
    model.command()(check)
    model.callback()(_group)
    app.add_typer(model, name="model")


def _group() -> None:
    """Look at models."""


def check(
    artifact: Artifact,
    type_: Type = "",
    records: Records = "",
    golden: Golden = "",
    policy: Policy = "",
    option: Settings = [],  # noqa: B006 - as the parser wants it; never changed
    origins: Origins = "",
    networks: Networks = "",
    remote_hosts: Hosts = "",
    remote_secrets: Secrets = "",
    remote_configs: Configs = "",
    max_batch: Batch = 256,
    jvm_heap_mb: Heap = 512,
    output: OutputForm = Form.TABLE,
) -> None:
    """
    Load a model as a container would, and score records with it, without a broker.

    Shows its fields and outputs, the result of each row, how long it took, and what would be refused and why.
    With --output json, standard output has one object per line: {"row": n, "outputs": {...}} or
    {"row": n, "error": {...}}. Exit codes: 0 all is well, 1 some rows failed, 2 the model is refused.
    """
    # What scores is loaded here and not by every other command.
    from rendezvous_cli.model_check_ask import Question  # noqa: PLC0415
    from rendezvous_cli.model_check_run import run  # noqa: PLC0415

    with errors_explained():
        question = Question(
            artifact=artifact,
            kind=type_,
            records=records,
            golden=golden,
            policy=policy,
            options=tuple(option),
            origins=_split(origins),
            networks=_split(networks),
            remote_hosts=_split(remote_hosts),
            remote_secrets=remote_secrets,
            remote_configs=remote_configs,
            max_batch=max_batch,
            jvm_heap_mb=jvm_heap_mb,
        )
        code = run(question, as_json=output is Form.JSON)
        if code:
            raise typer.Exit(code)


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
