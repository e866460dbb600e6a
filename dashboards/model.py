"""What a dashboard consists of, in our words; `render` says it in Grafana's.

Pages are plain data, so that tests can ask every panel for its queries without Grafana and without its SDK.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

TAG = "packet-journey"
"""Every dashboard carries it; the menu of links at the top of each lists those that do."""

FOLD = 24
"""Rows of Grafana's grid that a screen of 1080 lines shows at once."""


@dataclass(frozen=True)
class Query:
    """One PromQL expression of a panel."""

    expr: str
    legend: str = ""
    instant: bool = False
    exemplars: bool = False
    """Ask for exemplars too: dots on the graph that carry the trace id of one request."""
    may_be_empty: bool = False
    """A healthy world may have no answer, while other queries of the panel have one."""


@dataclass(frozen=True)
class Panel:
    """One picture. `description` is what one should see in it, and is shown behind the small "i"."""

    title: str
    description: str
    queries: tuple[Query, ...] = ()
    kind: str = "timeseries"
    """`timeseries`, `stat`, `table`, `heatmap`, `statetimeline`, `text` or `dashlist`."""
    unit: str = "short"
    width: int = 12
    height: int = 8
    stacked: bool = False
    may_be_empty: str = ""
    """Why a healthy world may have nothing to show here; without it, an empty panel fails the tests."""
    warn: float | None = None
    """From this value on a figure is orange, ..."""
    alarm: float | None = None
    """... and from this one on red."""
    low_is_bad: bool = False
    """`warn` and `alarm` are told from above: lower values are worse."""
    words: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Values that are told in words, each with its colour: `{"1": ("up", "green")}`."""
    hidden: tuple[str, ...] = ()
    """Columns of a table that nobody needs."""
    names: dict[str, str] = field(default_factory=dict)
    """Columns of a table by another name."""
    decimals: int | None = None
    most: float | None = None
    """The upper end of the axis, where there is a natural one."""
    text: str = ""
    leads_to: tuple[str, ...] = ()
    """Uids of dashboards that one goes to from here."""
    interval: str = ""
    """The shortest step of its queries; Prometheus's scrape interval if not said."""


@dataclass(frozen=True)
class Row:
    """Panels that are folded away under a heading; Grafana asks their queries only when it is opened."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of a dashboard: the values that `label` has in `metric`."""

    name: str
    title: str
    metric: str
    label: str

    @property
    def query(self) -> str:
        """As Grafana asks Prometheus for it."""
        return f"label_values({self.metric}, {self.label})"


@dataclass(frozen=True)
class Page:
    """One dashboard."""

    uid: str
    title: str
    question: str
    """What it answers, as one would ask it."""
    panels: tuple[Panel, ...]
    rows: tuple[Row, ...] = ()
    variables: tuple[Variable, ...] = ()
    refresh: str = "5s"
    span: str = "now-5m"

    def every_panel(self) -> Iterator[Panel]:
        """Also those that are folded away."""
        yield from self.panels
        for row in self.rows:
            yield from row.panels


WINDOW = "$__rate_interval"
RARE = "1m"
"""The window for what happens now and then: in a few seconds there is mostly nothing of it."""


def rate(metric: str, by: str = "", where: str = "", over: str = WINDOW) -> str:
    """Events per second of a counter, summed over everything but the labels `by` (comma-separated)."""
    inside = f"rate({metric}{{{where}}}[{over}])" if where else f"rate({metric}[{over}])"
    return f"sum by ({by}) ({inside})" if by else f"sum({inside})"


def quantile(share: float, metric: str, by: str = "", where: str = "", over: str = WINDOW) -> str:
    """A percentile from a histogram's buckets, e.g. 0.99 for p99."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, {rate(f'{metric}_bucket', labels, where, over)})"


def mean(metric: str, by: str = "", where: str = "", over: str = WINDOW) -> str:
    """The mean of what a histogram observed."""
    return f"{rate(f'{metric}_sum', by, where, over)} / ({rate(f'{metric}_count', by, where, over)} > 0)"


def percentiles(metric: str, where: str = "", exemplars: bool = False) -> tuple[Query, ...]:
    """p50, p90 and p99 of a histogram."""
    return tuple(
        Query(quantile(share, metric, where=where), name, exemplars=exemplars and share == 0.99)
        for share, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))
    )
