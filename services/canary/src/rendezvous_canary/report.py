"""The comparison as people and programs read it, from any thread."""

from typing import Any

from rendezvous_canary.comparison import Comparison, Fate
from rendezvous_canary.deltas import Deltas

Json = dict[str, Any]


def comparison_json(comparison: Comparison) -> Json:
    """Return routes by name, in each its models, in each what became of its scores and its outputs."""
    fates, deltas = comparison.fates.copy(), comparison.deltas.copy()
    pairs = sorted({pair for pair, _ in fates})
    routes: dict[str, Json] = {}
    for pair in pairs:
        models = routes.setdefault(pair.route, {})
        models[pair.model] = {
            **{fate.value: fates[pair, fate] for fate in Fate},
            "outputs": _outputs(deltas.get(pair, {})),
        }
    return {"waiting": comparison.waiting, "routes": routes}


def _outputs(deltas: dict[str, Deltas]) -> Json:
    return {name: _output(each) for name, each in sorted(deltas.copy().items())}


def _output(deltas: Deltas) -> Json:
    shown: Json = {"unlike": deltas.unlike, "absent": deltas.absent}
    if deltas.count:
        shown |= {
            "count": deltas.count,
            "mean_delta": deltas.mean,
            "mean_absolute_delta": deltas.mean_absolute,
            "largest_delta": deltas.largest,
            "p50_delta": deltas.spread.quantile(0.5),
            "p99_delta": deltas.spread.quantile(0.99),
        }
    if deltas.alike:
        shown |= {"compared": deltas.alike, "agreement": deltas.agreement}
    return shown
