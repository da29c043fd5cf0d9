"""
What all dashboards have in common: the data source, the variables, and one function for each kind of panel.

Each kind fits one kind of query: lines for rates and levels over time, a stat for a value now, a heatmap for
a histogram's buckets, bars for a distribution, a table for what is there now.
"""

from collections.abc import Sequence
from typing import Any, Final

from grafana_foundation_sdk.builders import barchart, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import common as options
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${datasource}")
TAG: Final = "rendezvous"
_HEIGHT: Final = 8
_WIDTH: Final = 12
_THIRD: Final = 8
_STAT_HEIGHT: Final = 4

# An expression, and what its series are called.
Query = tuple[str, str]
# From which value on which colour; the first is of all below.
Steps = Sequence[tuple[float | None, str]]
GOOD: Final[Steps] = ((None, "green"),)


def new_dashboard(name: str, title: str, description: str) -> Any:
    """Return an empty dashboard that nobody can edit, with its data source as a variable."""
    source = (
        dashboard.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .current(VariableOption(selected=True, text="Prometheus", value="prometheus"))
    )
    link = (
        dashboard.DashboardLink("Rendezvous")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
    )
    return (
        dashboard.Dashboard(title)
        .uid(f"rendezvous-{name}")
        .description(description)
        .tags([TAG])
        .readonly()
        .timezone("browser")
        .time("now-30m", "now")
        .refresh("10s")
        .with_variable(source)
        .link(link)
    )


def choice(name: str, label: str, metric: str) -> Any:
    """Return a variable: the values of the label *name* on *metric*, all of them to begin with."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query(f"label_values({metric}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .multi(True)
        .include_all(True)
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    steps: Steps = GOOD,
    stacked: bool = False,
    width: int = _WIDTH,
    exemplars: bool = False,
) -> Any:
    """Return a panel of values over time; *steps* are drawn as areas where there are any."""
    panel = _common(timeseries.Panel(), title, description, unit, steps).span(width).height(_HEIGHT)
    for place, (expression, legend) in enumerate(queries):
        panel = panel.with_target(_target(place, expression, legend).range().exemplar(exemplars))
    panel = panel.legend(
        options.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs(["lastNotNull", "max"])
    ).tooltip(options.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI))
    panel = panel.line_width(1).fill_opacity(70 if stacked else 5).show_points(common.VisibilityMode.NEVER)
    if stacked:
        panel = panel.stacking(options.StackingConfig().mode(common.StackingMode.NORMAL))
    if len(steps) > 1:
        style = options.GraphThresholdsStyleConfig().mode(common.GraphTresholdsStyleMode.DASHED)
        panel = panel.thresholds_style(style)
    return panel


def number(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    steps: Steps = GOOD,
    width: int = 4,
    decimals: int | None = None,
) -> Any:
    """Return a panel of a value now."""
    expression, legend = query
    panel = _common(stat.Panel(), title, description, unit, steps).span(width).height(_STAT_HEIGHT)
    if decimals is not None:
        panel = panel.decimals(decimals)
    return (
        panel.with_target(_target(0, expression, legend).instant())
        .reduce_options(options.ReduceDataOptions().calcs(["lastNotNull"]))
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
    )


def heat(title: str, description: str, expression: str, *, unit: str, width: int = _WIDTH) -> Any:
    """Return a panel of a histogram's buckets over time; *expression* is summed by le."""
    target = _target(0, expression, "{{le}}").range().format(PromQueryFormat.HEATMAP)
    return (
        heatmap.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .span(width)
        .height(_HEIGHT)
        .with_target(target)
        .calculate(False)
        .color(_colors())
        .y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(common.AxisPlacement.LEFT))
        .show_legend()
        .show_tooltip()
        .filter_values(heatmap.FilterValueRange().le(1e-9))
    )


def bars(title: str, description: str, expression: str, *, unit: str, over: str, by: str, width: int) -> Any:
    """Return a panel of a distribution now: a group of bars for each value of *over*, a bar for each *by*."""
    target = _target(0, expression, "").instant().format(PromQueryFormat.TABLE)
    matrix = {"columnField": by, "rowField": over, "valueField": "Value", "emptyValue": "zero"}
    name = f"{over}\\{by}"
    return (
        _common(barchart.Panel(), title, description, unit, GOOD)
        .span(width)
        .height(_HEIGHT)
        .with_target(target)
        .with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=matrix))
        .with_transformation(
            DataTransformerConfig(id_val="sortBy", options={"fields": {}, "sort": [{"field": name}]})
        )
        .x_field(name)
        .stacking(common.StackingMode.NONE)
        .show_value(common.VisibilityMode.NEVER)
        .legend(
            options.VizLegendOptions()
            .display_mode(common.LegendDisplayMode.LIST)
            .placement(common.LegendPlacement.BOTTOM)
            .show_legend(True)
        )
    )


def rows(
    title: str, description: str, expression: str, *, unit: str, columns: Sequence[str], width: int
) -> Any:
    """Return a table of what is there now, with the labels *columns* and the value."""
    target = _target(0, expression, "").instant().format(PromQueryFormat.TABLE)
    shown = {name: place for place, name in enumerate([*columns, "Value"])}
    arranged = {"excludeByName": {"Time": True}, "indexByName": shown, "renameByName": {}}
    return (
        _common(table.Panel(), title, description, unit, GOOD)
        .span(width)
        .height(_HEIGHT)
        .with_target(target)
        .with_transformation(DataTransformerConfig(id_val="organize", options=arranged))
    )


def _colors() -> Any:
    colors = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64)
    return colors.fill("dark-orange").scale(HeatmapColorScale.EXPONENTIAL).exponent(0.5)


def _common(panel: Any, title: str, description: str, unit: str, steps: Steps) -> Any:
    thresholds = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE)
    thresholds = thresholds.steps([Threshold(value=value, color=color) for value, color in steps])
    return panel.title(title).description(description).datasource(SOURCE).unit(unit).thresholds(thresholds)


def _target(place: int, expression: str, legend: str) -> Any:
    name = "ABCDEFGH"[place]
    query = prometheus.Dataquery().ref_id(name).expr(expression).legend_format(legend or "__auto")
    return query.datasource(SOURCE)
