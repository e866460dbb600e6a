"""Queries of panels as Prometheus is asked them: with Grafana's variables filled in."""

import re
from collections.abc import Iterator

from dashboards.model import Page, Panel, Query
from dashboards.pages import PAGES

GRAFANA = {"__rate_interval": "4s", "__interval": "1s", "__range": "30s"}
SLOW = {"__rate_interval": "4m", "__interval": "1m"}
"""Of panels with a step of a minute."""


def filled_in(query: Query, panel: Panel, page: Page) -> str:
    """Grafana's own variables as for a minute on the screen, the page's own with "All" chosen."""
    values = {**GRAFANA, **(SLOW if panel.interval else {})}
    values |= dict.fromkeys((variable.name for variable in page.variables), ".*")
    return re.sub(r"\$(\w+)", lambda found: values[found[1]], query.expr)


def all_queries() -> Iterator[tuple[Page, Panel, Query]]:
    for page in PAGES:
        for panel in page.every_panel():
            for query in panel.queries:
                yield page, panel, query
