"""All that a process needs to hold models and score with them, put together once for every such service."""

import asyncio
from collections.abc import Callable
from typing import Final

from mode import Service
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell.quiet import MODE_LOG
from scoring.v1.control_pb2 import Model
from scoring.v1.status_pb2 import Status

from rendezvous_models import report
from rendezvous_models.artifacts import ArtifactStore
from rendezvous_models.contract import ModelRuntime, RuntimeOptions
from rendezvous_models.isolation import create_isolated
from rendezvous_models.loader import Loader
from rendezvous_models.serving import ScoringHandler
from rendezvous_models.settings import ScoringSettings
from rendezvous_models.shelf import Shelf

_STOP_S: Final = 2.0


class ModelHost(Service):
    """
    Holds the models that *settings* name: *handler* scores with them, the hooks are the shell's.

    As a service it runs the loader; a load that is under way at a stop is abandoned.
    """

    logger = MODE_LOG

    def __init__(
        self,
        settings: ScoringSettings,
        view: ControlView,
        *,
        clock: Clock,
        create: Callable[[Model], ModelRuntime] | None = None,
    ) -> None:
        super().__init__()
        options = RuntimeOptions(
            jvm_heap_mb=settings.jvm_heap_mb,
            remote_hosts=settings.remote_hosts,
            remote_secrets=settings.remote_secrets,
            remote_configs=settings.remote_configs,
        )
        place = settings.place()
        store = ArtifactStore(settings.data_dir / "models" / settings.instance, settings.artifact_rules())
        self._view = view
        self.shelf = Shelf(settings.model)
        self.loader = Loader(
            self.shelf,
            view,
            store,
            create or (lambda model: create_isolated(model, options, place, in_service=self.may_start())),
            clock=clock,
            drain_us=int(settings.drain_s * 1e6),
            loaded_max_bytes=settings.loaded_max_bytes,
        )
        self.handler = ScoringHandler(
            self.shelf, view, clock=clock, service=settings.service, max_batch=settings.max_batch
        )

    def may_start(self) -> bool:
        """
        Return whether to begin to read inputs: something can score, and nothing more is about to.

        Who joins the group before that takes partitions away from a replica that scores already.
        """
        return self.loader.settled and bool(self.shelf.ready)

    def waiting_for(self) -> str | None:
        """Return which models cannot score yet, and why; None when all can."""
        return report.waiting_for(self.loader.courses, self.shelf.ready)

    def describe(self, status: Status) -> None:
        """Add the models and how they are used to *status*."""
        report.describe(status, self._view.state.models, self.loader.courses, self.shelf.ready)

    async def on_start(self) -> None:
        """Begin to load."""
        self.loader.start()

    async def on_stop(self) -> None:
        """End the loader; what is loaded goes on scoring until the data plane has drained."""
        await asyncio.to_thread(self.loader.stop, _STOP_S)
