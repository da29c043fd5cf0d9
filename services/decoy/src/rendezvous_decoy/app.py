"""The edge of the decoy: its handler on the stream, and the thread that writes."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from prometheus_client import CollectorRegistry
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp, create_service_app

from rendezvous_decoy.archive import Archive
from rendezvous_decoy.columns import encode
from rendezvous_decoy.disk import Disk
from rendezvous_decoy.handler import DecoyHandler
from rendezvous_decoy.metrics import DecoyMetrics
from rendezvous_decoy.settings import DecoySettings
from rendezvous_decoy.writer import Writer


def create_app(
    settings: DecoySettings, *, clock: Clock | None = None, registry: CollectorRegistry | None = None
) -> ServiceApp:
    """Return the decoy as an application; nothing is connected or written before it is run."""
    registry = registry or CollectorRegistry()
    to_parquet = partial(encode, compression=settings.archive_compression)
    handler = DecoyHandler(
        Archive(settings.limits),
        Writer(settings.archive_dir, to_parquet, Disk()),
        ThreadPoolExecutor(max_workers=1, thread_name_prefix="archive"),
        DecoyMetrics(registry),
    )
    return create_service_app(
        settings,
        handler,
        ControlView(),
        clock=clock,
        registry=registry,
        waiting_for=lambda: handler.problem,
    )
