"""How each kind of panel looks."""

import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # see `render`
    from grafana_foundation_sdk.builders import (
        common,
        dashboard,
        dashboardlist,
        heatmap,
        stat,
        statetimeline,
        table,
        text,
        timeseries,
    )
from grafana_foundation_sdk.models import common as looks
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models.text import TextMode

from dashboards.model import TAG, Panel


def _timeseries(panel: Panel) -> Any:
    built = (
        timeseries.Panel()
        .unit(panel.unit)
        .min(0)
        .line_width(1)
        .fill_opacity(60 if panel.stacked else 8)
        .show_points(looks.VisibilityMode.AUTO)
        .legend(_legend())
        .tooltip(
            common.VizTooltipOptions().mode(looks.TooltipDisplayMode.MULTI).sort(looks.SortOrder.DESCENDING)
        )
    )
    if panel.stacked:
        built = built.stacking(common.StackingConfig().mode(looks.StackingMode.NORMAL).group("A"))
    if panel.most is not None:
        built = built.max(panel.most)
    if panel.warn is not None or panel.alarm is not None:
        style = common.GraphThresholdsStyleConfig().mode(looks.GraphThresholdsStyleMode.DASHED)
        built = built.thresholds(_thresholds(panel)).thresholds_style(style)
    return built


def _legend() -> Any:
    return (
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(looks.LegendDisplayMode.TABLE)
        .placement(looks.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "mean", "max"])
    )


def _stat(panel: Panel) -> Any:
    built = (
        stat.Panel()
        .unit(panel.unit)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
        .graph_mode(looks.BigValueGraphMode.NONE if panel.words else looks.BigValueGraphMode.AREA)
        .color_mode(looks.BigValueColorMode.BACKGROUND if panel.words else looks.BigValueColorMode.VALUE)
        .thresholds(_thresholds(panel))
    )
    if panel.words:
        built = built.mappings([_words(panel)])
    if panel.decimals is not None:
        built = built.decimals(panel.decimals)
    return built


def _state_timeline(panel: Panel) -> Any:
    built = (
        statetimeline.Panel()
        .show_value(looks.VisibilityMode.AUTO)
        .merge_values(True)
        .row_height(0.8)
        .thresholds(_thresholds(panel))
        .legend(common.VizLegendOptions().show_legend(False))
    )
    return built.mappings([_words(panel)]) if panel.words else built


def _table(panel: Panel) -> Any:
    excluded = dict.fromkeys(("Time", "__name__", "instance", "job", *panel.hidden), True)
    organized = {"excludeByName": excluded, "renameByName": panel.names, "indexByName": {}}
    built = table.Panel().unit(panel.unit).show_header(True).filterable(True)
    if len(panel.queries) > 1:
        built = built.with_transformation(models.DataTransformerConfig(id_val="merge", options={}))
    built = built.with_transformation(models.DataTransformerConfig(id_val="organize", options=organized))
    return built.decimals(panel.decimals) if panel.decimals is not None else built


def _heatmap(panel: Panel) -> Any:
    colours = heatmaps.HeatmapColorOptions(
        mode=heatmaps.HeatmapColorMode.SCHEME,
        scheme="Oranges",
        scale=heatmaps.HeatmapColorScale.EXPONENTIAL,
        exponent=0.5,
        steps=64,
        fill="dark-orange",
    )
    built = heatmap.Panel().calculate(False).color(_ready(colours)).cell_gap(1)
    return built.y_axis(_ready(heatmaps.YAxisConfig(unit=panel.unit)))


def _text(panel: Panel) -> Any:
    return text.Panel().mode(TextMode.MARKDOWN).content(panel.text).transparent(True)


def _dashboard_list(panel: Panel) -> Any:
    return (
        dashboardlist.Panel()
        .tags([TAG])
        .show_search(True)
        .show_starred(False)
        .show_recently_viewed(False)
        .show_headings(False)
        .keep_time(True)
        .max_items(20)
    )


class _Ready:
    def __init__(self, model: Any) -> None:
        self._model = model

    def build(self) -> Any:
        return self._model


def _ready(model: Any) -> Any:
    """A model where the SDK wants a builder."""
    return _Ready(model)


def _thresholds(panel: Panel) -> Any:
    """Green, orange, red upwards, or downwards where low is bad."""
    warn = panel.warn if panel.warn is not None else panel.alarm
    alarm = panel.alarm
    steps = [models.Threshold(value=None, color="green")]
    if panel.low_is_bad:
        steps = [models.Threshold(value=None, color="red")]
        steps += (
            [models.Threshold(value=alarm, color="orange")] if alarm is not None and alarm != warn else []
        )
        steps += [models.Threshold(value=warn, color="green")]
    else:
        steps += [models.Threshold(value=warn, color="orange")] if warn is not None and warn != alarm else []
        steps += [models.Threshold(value=alarm, color="red")] if alarm is not None else []
    return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


def _words(panel: Panel) -> models.ValueMap:
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=said, color=colour, index=index)
            for index, (value, (said, colour)) in enumerate(panel.words.items())
        }
    )


BY_KIND = {
    "timeseries": _timeseries,
    "stat": _stat,
    "statetimeline": _state_timeline,
    "table": _table,
    "heatmap": _heatmap,
    "text": _text,
    "dashlist": _dashboard_list,
}
