"""The metrics of a model container: those of scoring."""

from prometheus_client import CollectorRegistry
from rendezvous_models.host import ModelHost
from rendezvous_models.metrics import ScoringMetrics


def declare_metrics(registry: CollectorRegistry, host: ModelHost) -> None:
    """Show on *registry* what *host* counts."""
    ScoringMetrics(registry, host.shelf, host.handler.tally)
