"""The frame of `rendezvous watch` as text for a terminal: pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rendezvous_cli.watch_screen import ModelLine, RouteView, Screen

_BAR: Final = 12
_COLOURS: Final[Mapping[str, str]] = {
    "ready": "green",
    "pass": "green",
    "done": "green",
    "waiting": "yellow",
    "loading": "yellow",
    "running": "cyan",
    "inconclusive": "yellow",
    "failed": "red",
    "fail": "red",
    "silent": "red",
    "aborted": "red",
}
_GOOD_SHARE: Final = 0.999
_POOR_SHARE: Final = 0.99


def render(screen: Screen) -> RenderableType:
    """Return *screen* as rich shows it; nothing in it is taken for markup."""
    parts: list[RenderableType] = [_title(screen)]
    if screen.trouble:
        parts.append(Text(f"! {screen.trouble}", style="bold red"))
    if not screen.routes:
        parts.append(Text("there is no route yet: rendezvous apply -f FILE publishes one", style="dim"))
    for route in screen.routes:
        parts += [Text(""), *_route(route)]
    parts += [Text(""), _services(screen.services)]
    return Group(*parts)


def _title(screen: Screen) -> Text:
    title = Text("rendezvous", style="bold")
    title.append(f"  {screen.at}  figures of the last {screen.window}", style="not bold dim")
    title.append(f"  control log at {screen.control_offset}", style="not bold dim")
    return title


def _route(route: RouteView) -> Iterator[RenderableType]:
    head = Text(route.name, style="bold")
    head.append(f"  revision {route.revision}, passed {route.passed}", style="not bold")
    head.append(f"  SLA {route.sla} ", style="not bold")
    head.append(f"{_percent(route.in_time)} in time", style=f"not bold {_share_colour(route.in_time)}")
    head.append(f"  p99 {_ms(route.p99_ms)}  {route.answers} answers", style="not bold")
    yield head
    if route.paused:
        yield Text(f"  paused {route.paused}", style="yellow")
    yield _indented(_tiers(route))
    if route.models:
        yield _indented(_models(route.models))
    if route.rollout is not None:
        yield from map(_indented, _rollout(route.rollout))


def _indented(part: RenderableType) -> Padding:
    return Padding(part, (0, 0, 0, 2), expand=False)


def _tiers(route: RouteView) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    for place, tier in enumerate(route.tiers, start=1):
        last = place == len(route.tiers)
        table.add_row(
            Text("-" if last else str(place), style="dim"),
            Text(tier.rule),
            Text(_bar(tier.share), style="red" if last else "blue"),
            Text(_percent(tier.share)),
        )
    return table


def _models(models: Sequence[ModelLine]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("model", "role", "state"):
        table.add_column(name)
    for name in ("chosen", "p50", "p99", "errors", "late", "missing", "delta"):
        table.add_column(name, justify="right")
    for line in models:
        figures = line.figures
        table.add_row(
            Text(line.model),
            Text(line.role, style="dim"),
            _coloured(line.state),
            Text(str(figures.chosen)),
            Text(_ms(figures.quantile_ms(0.5))),
            Text(_ms(figures.quantile_ms(0.99))),
            _counted(figures.failed, figures.asked),
            _counted(figures.late, figures.asked),
            _counted(figures.missing, figures.asked),
            Text("" if figures.mean_delta is None else f"{figures.mean_delta:.3g}"),
        )
    return table


def _rollout(rollout: Mapping[str, object]) -> Iterator[Text]:
    text = Text("roll-out ", style="bold")
    text.append(f"to {rollout['to']}: ", style="not bold")
    text.append_text(_coloured(str(rollout["outcome"])))
    text.append(f", step {rollout['step']} ", style="not bold")
    text.append_text(_steps(rollout))
    yield text
    if rollout["now"]:
        yield Text(f"  now: {rollout['now']}")
    figures = rollout.get("figures")
    for gate in figures if isinstance(figures, list) else ():
        line = Text(f"  gate {gate['gate']}: ")
        line.append_text(_coloured(str(gate["verdict"])))
        if gate["value"] is not None:
            line.append(f"  {gate['value']:.4g} ({_end(gate['low'])} to {_end(gate['high'])})")
        yield line
    if rollout["detail"]:
        yield Text(f"  last: {rollout['detail']}", style="dim")


def _steps(rollout: Mapping[str, object]) -> Text:
    """Return the ramp, with the share of now in its place."""
    steps, now = rollout.get("steps"), rollout["share"]
    line = Text()
    for share in ["shadow", *(steps if isinstance(steps, list) else [])]:
        line.append(" > " if line else "", style="not bold dim")
        line.append(
            f"[{share}]" if share == now else str(share), "bold cyan" if share == now else "not bold dim"
        )
    return line


def _services(services: Sequence[Mapping[str, object]]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("service", "state", "control", "heard", "detail"):
        table.add_column(name)
    for row in services:
        table.add_row(
            Text(str(row["instance"])),
            _coloured(str(row["state"])),
            Text(str(row["control"])),
            Text(str(row["heard"])),
            Text(str(row["detail"]), style="dim"),
        )
    return table


def _coloured(text: str) -> Text:
    return Text(text, style=_COLOURS.get(text.split(" ", maxsplit=1)[0], "not bold"))


def _counted(count: int, asked: int) -> Text:
    if not count:
        return Text("0", style="dim")
    return Text(f"{count} ({count / asked:.1%})" if asked else str(count), style="yellow")


def _share_colour(share: float | None) -> str:
    if share is None:
        return "dim"
    return "green" if share >= _GOOD_SHARE else "yellow" if share >= _POOR_SHARE else "red"


def _bar(share: float | None) -> str:
    full = round((share or 0.0) * _BAR)
    return "█" * full + "░" * (_BAR - full)


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _ms(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.1f} ms"


def _end(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else "?"
