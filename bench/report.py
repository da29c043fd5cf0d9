"""The table at the end."""

from rich.table import Table

from bench.results import TARGETS, Results


def table(results: Results) -> Table:
    """Return all figures with their spread and, where there is one, what they are to reach."""
    shown = Table(title="Medians of all runs")
    shown.add_column("figure")
    for name in ("median", "min", "max", "target"):
        shown.add_column(name, justify="right")
    for name, value in results.medians().items():
        runs = results.runs.get(name)
        spread = (number(min(runs)), number(max(runs))) if runs else ("", "")
        shown.add_row(name, number(value), *spread, _target(name, value))
    return shown


def number(value: float) -> str:
    """Return *value* for people."""
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.3g}"


def _target(name: str, value: float) -> str:
    target = TARGETS.get(name)
    if target is None:
        return ""
    sign = ">=" if target.at_least else "<="
    color = "green" if target.met(value) else "red"
    return f"[{color}]{sign} {number(target.value)}[/{color}]"
