"""
A model container whose model costs nothing: python -m bench.constant_model, told like a model container.

It is the real one but for the model: what is measured is the stream, not a model. With BENCH_ROW_US it takes
so many microseconds for each row, in which it uses no processor.
"""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from rendezvous_model_container.settings import ContainerSettings
from rendezvous_models.contract import Failure, Metadata, ModelRuntime, Outputs, Row, RuntimeOptions
from rendezvous_models.host import ModelHost
from rendezvous_runtime.clock import SystemClock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp, create_service_app, serve
from scoring.v1.control_pb2 import Model

_ROW_S: Final = int(os.environ.get("BENCH_ROW_US", "0")) / 1_000_000


class ConstantModel(ModelRuntime):
    """Says the same of every row."""

    ready = True

    def load(self, artifact: Path) -> None:
        """Need nothing of it."""

    def predict(self, rows: Sequence[Row]) -> list[Outputs | Failure]:
        """Return the same for each of *rows*."""
        if _ROW_S:
            time.sleep(_ROW_S * len(rows))
        return [{"quality": 5.6}] * len(rows)

    def unload(self) -> None:
        """Hold nothing."""

    def metadata(self) -> Metadata:
        """Declare no field, so that every row fits."""
        return Metadata(inputs=(), outputs=())


def create_app(settings: ContainerSettings) -> ServiceApp:
    """Return the model container with this model for every descriptor."""
    clock, control = SystemClock(), ControlView()
    host = ModelHost(settings, control, clock=clock, create=_create)
    return create_service_app(
        settings,
        host.handler,
        control,
        clock=clock,
        registry=CollectorRegistry(),
        waiting_for=host.waiting_for,
        may_start=host.may_start,
        describe=host.describe,
        services=[host],
    )


def _create(descriptor: Model) -> ModelRuntime:
    return ConstantModel(descriptor, RuntimeOptions())


if __name__ == "__main__":
    serve(create_app, ContainerSettings)
