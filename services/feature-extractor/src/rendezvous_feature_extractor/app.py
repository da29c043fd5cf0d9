"""The edge of the feature-extractor: its handler on the stream."""

from prometheus_client import CollectorRegistry
from rendezvous_runtime.clock import Clock
from rendezvous_runtime.control_view import ControlView
from rendezvous_runtime.shell import ServiceApp, create_service_app

from rendezvous_feature_extractor.handler import FeatureExtractor
from rendezvous_feature_extractor.metrics import ExtractorMetrics
from rendezvous_feature_extractor.settings import ExtractorSettings


def create_app(
    settings: ExtractorSettings, *, clock: Clock | None = None, registry: CollectorRegistry | None = None
) -> ServiceApp:
    """Return the feature-extractor as an application; nothing is connected before it is run."""
    control = ControlView()
    registry = registry or CollectorRegistry()
    handler = FeatureExtractor(
        control,
        ExtractorMetrics(registry),
        max_input_bytes=settings.max_input_bytes,
        build=settings.build,
    )
    return create_service_app(
        settings, handler, control, clock=clock, registry=registry, describe=handler.describe
    )
