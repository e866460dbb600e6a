"""Pages as Grafana's JSON, by way of grafana-foundation-sdk.

The classic model (schema 42) is written on purpose: file provisioning of every Grafana from 10 on reads it.
"""

import json
import warnings
from typing import Any

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # it wants dashboards of version 2, which Grafana 10 cannot read
    from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import visuals
from dashboards.handbook import seen_in
from dashboards.model import TAG, Page, Panel, Query, Row, Variable

WIDTH = 24
DATASOURCE = common.DataSourceRef(type_val="prometheus", uid="prometheus")
"""By its fixed uid, which the provisioned data source has: provisioning resolves no `${DS_...}` placeholder."""

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def render(page: Page) -> str:
    """The file that Grafana reads."""
    builder = (
        dashboard.Dashboard(page.title)
        .uid(page.uid)
        .description(page.question)
        .tags([TAG])
        .readonly()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time(page.span, "now")
        .refresh(page.refresh)
        .version(1)
        .annotation(_events())
        .link(_all_dashboards())
        .variables([_variable(variable) for variable in page.variables])
    )
    placing = _Placing()
    for panel in page.panels:
        builder = builder.with_panel(placing.place(panel))
    for row in page.rows:
        builder = builder.with_row(placing.fold(row))
    found = json.loads(json.dumps(builder.build(), cls=JSONEncoder))
    return json.dumps({"id": None, **_visible_links(found)}, indent=1, sort_keys=True) + "\n"


class _Placing:
    """Gives each panel its number and its place, left to right and top to bottom."""

    def __init__(self) -> None:
        self._last_id = 0
        self._x = self._y = self._line = 0

    def place(self, panel: Panel) -> Any:
        if self._x + panel.width > WIDTH:
            self._next_line()
        position = models.GridPos(x=self._x, y=self._y, w=panel.width, h=panel.height)
        self._x += panel.width
        self._line = max(self._line, panel.height)
        return _panel(panel, self._new_id(), position)

    def fold(self, row: Row) -> Any:
        self._next_line()
        heading = models.GridPos(x=0, y=self._y, w=WIDTH, h=1)
        built = dashboard.Row(row.title).id(self._new_id()).collapsed(True).grid_pos(heading)
        self._y += 1
        top = self._y
        for panel in row.panels:
            built = built.with_panel(self.place(panel))
        self._x, self._y, self._line = 0, top, 0  # folded panels take no room
        return built

    def _new_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _next_line(self) -> None:
        self._x, self._y, self._line = 0, self._y + self._line, 0


def _panel(panel: Panel, number: int, position: models.GridPos) -> Any:
    built = visuals.BY_KIND[panel.kind](panel)
    built = built.id(number).title(panel.title).description(seen_in(panel)).grid_pos(position)
    if panel.queries:
        built = built.datasource(DATASOURCE)
    for letter, query in zip(_LETTERS, panel.queries, strict=False):
        built = built.with_target(_target(query, letter, panel.kind))
    if panel.interval:
        built = built.interval(panel.interval)
    if panel.leads_to:
        built = built.links([_link_to(uid) for uid in panel.leads_to])
    return built


def _target(query: Query, letter: str, kind: str) -> Any:
    built = prometheus.Dataquery().expr(query.expr).ref_id(letter).datasource(DATASOURCE)
    if kind == "table":
        return built.instant().format(PromQueryFormat.TABLE)
    built = built.instant() if query.instant else built.range()
    if kind == "heatmap":
        built = built.format(PromQueryFormat.HEATMAP)
    if query.exemplars:
        built = built.exemplar(True)
    return built.legend_format(query.legend or "__auto")


def _events() -> Any:
    """Faults, rollouts and scalings as vertical lines on every graph."""
    return (
        dashboard.AnnotationQuery()
        .name("Events")
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color("purple")
        .expr("journey_event_active == 1")
        .step("1s")
        .title_format("{{event}}")
        .text_format("{{target}}")
        .tag_keys("event,target")
    )


def _all_dashboards() -> Any:
    return (
        dashboard.DashboardLink("Dashboards")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(True)
        .keep_time(True)
    )


def _link_to(uid: str) -> Any:
    title = uid.removeprefix("journey-").replace("-", " ")
    return dashboard.DashboardLink(f"More: {title}").url(f"/d/{uid}").keep_time(True)


def _variable(variable: Variable) -> Any:
    return (
        dashboard.QueryVariable(variable.name)
        .label(variable.title)
        .datasource(DATASOURCE)
        .query(variable.query)
        .definition(variable.query)
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(models.VariableOption(text="All", value="$__all"))
    )


def _visible_links(node: Any) -> Any:
    """Without the SDK's default that hides dashboard links in a menu of newer Grafanas."""
    if isinstance(node, dict):
        return {
            key: _visible_links(value)
            for key, value in node.items()
            if (key, value) != ("placement", "inControlsMenu")
        }
    return [_visible_links(each) for each in node] if isinstance(node, list) else node
