"""Structured logs: one line per event on standard error, our own and those of libraries alike."""

import logging
import sys
from typing import Final

import structlog
from structlog.typing import Processor

from rendezvous_runtime.settings import ServiceSettings

# They tell their whole inner life at INFO; what matters of it, the shell says itself.
_CHATTY: Final = ("aiokafka", "faust", "mode", "asyncio", "aiohttp.access")

_REPEAT_S: Final = 10.0
_REMEMBERED: Final = 1_000


def configure_logs(settings: ServiceSettings) -> None:
    """
    Send every log record of this process, structlog's or the standard library's, through one formatter.

    Once, in main: it replaces the root logger's handlers.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_formatter(settings, shared))
    handler.addFilter(_Repeats())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    quiet = max(logging.WARNING, root.level) if settings.log_level != "DEBUG" else logging.INFO
    for name in _CHATTY:
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
        library.setLevel(quiet)


class _Repeats(logging.Filter):
    """Drops what a library says again within ten seconds: clients repeat themselves at every retry."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith(_CHATTY):
            return True
        what = (record.name, str(record.msg))
        if record.created - self._said.get(what, -_REPEAT_S) < _REPEAT_S:
            return False
        if len(self._said) > _REMEMBERED:
            self._said.clear()
        self._said[what] = record.created
        return True


def _formatter(settings: ServiceSettings, shared: list[Processor]) -> logging.Formatter:
    def stamp(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event.update(service=settings.service, instance=settings.instance)
        return event

    if settings.log_format == "json":
        last: list[Processor] = [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    else:
        # Plain: the other formats show local variables, and one of them may be a password.
        plain = structlog.dev.plain_traceback
        last = [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=plain)]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, stamp, *last],
    )
