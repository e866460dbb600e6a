"""`docs/metrics.md`: every metric with its labels and buckets, who has which CloudWatch name, and what is not told."""

from itertools import groupby

from actors.bounds import CONVERGENCE_S, DURATIONS_S, POD_START_S, QUEUEING_S
from orchestrator.metrics.names import METRICS, MISSING
from orchestrator.metrics.names.budget import (
    LABELS,
    MOST_LABELS,
    MOST_PER_CLIENT,
    MOST_PER_POD,
    MOST_SERIES,
    PODS,
)
from orchestrator.metrics.names.cloudwatch import LOAD_BALANCER, STATISTICS, Statistic
from orchestrator.metrics.names.model import Metric
from orchestrator.metrics.renamed import RENAMED

BUCKETS = {
    DURATIONS_S: "durations",
    QUEUEING_S: "queueing",
    POD_START_S: "pod start",
    CONVERGENCE_S: "convergence",
}
"""What lists of bounds are called on the page."""

_HEAD = """\
# Metrics

<!-- Made from the code by `make docs`; change the descriptions there. -->

`journey up` serves the world's metrics to Prometheus at 127.0.0.1:9464, or the next port that is free (`--metrics
HOST:PORT` says where, `--metrics off` nowhere; `journey ps` shows the address). `journey run` and `journey compare
--live` do the same for as long as each of their worlds lasts. On the virtual clock nothing is served: a minute is over
before Prometheus has come twice. [Dashboards](dashboards.md) show what is here.

There are two pages. `/metrics` has `journey_*`, the emulated world in its own time, and `journey_runtime_*`, what
emulating it costs this machine. `/metrics/aws` has the same world under the names of others: CloudWatch (as YACE spells
them), ipamd, CoreDNS, kube-state-metrics, the API server, kube-proxy, cAdvisor, the AWS Load Balancer Controller and
Tempo's service graph.

- **Format**: Prometheus' text, or OpenMetrics for whoever asks for it (`Accept: application/openmetrics-text`), then
  with exemplars: the latest recorded request of a bucket, its journey id as `trace_id`. That id is the one of
  `journey trace --json`, of X-Amzn-Trace-Id and of the OTLP traces of a run.
- **Who answers**: one exporter process. Elements send it what has changed once a second, whether somebody scrapes or
  not, and take no part in a scrape; it runs at a lower priority, and whoever asks twice in half a second gets the same
  text.
- **Counters** go on when an element is started again. What a pod has counted under its own name goes with it; what it
  added to sums (its kind's, its deployment's) stays in them.
- **Gauges** of an element end with its process.
- **A series is there from the beginning**, at 0, where its labels are known beforehand.
- **Percentiles** from buckets are estimates; the exact ones are in the [reports](reports.md) of runs.
- **A metric of an element of your own** is exported as it is reported; a line in
  [orchestrator/metrics/names](../orchestrator/metrics/names) gives it its help text, and a row here.

`scenario` is the name of the scenario that `journey run` plays, or empty. `journey_scenario_info` has its variant and
seed, and `journey_event_active` is 1 while something is in effect: each action of a scenario's timeline under its own
word (`scale`, `rollout.restart`, `drain` until they are over; what takes no time for three seconds), every `fault`,
`set`, `scale`, `rollout`, `cordon`, `uncordon` and `drain` by hand, with `journey` or `kubectl`, and `element_down`.
"""

_CLOUDWATCH = """\
## CloudWatch

On `/metrics/aws`: statistics of the last 60 seconds, absent when nothing happened in them, as in CloudWatch. Each is
told by every combination of dimensions that CloudWatch publishes it by, in labels `dimension_LoadBalancer`,
`dimension_AvailabilityZone` and `dimension_TargetGroup`, as YACE does; so ask for one combination, or sums count
twice: `sum(aws_applicationelb_request_count_sum{dimension_AvailabilityZone="",dimension_TargetGroup=""})`. The zone is
that of the load balancer's node that tells. (ConsumedLCUs are those of the dearest of four: connections, new
connections, bytes, rule evaluations.)

| name | of AWS/ApplicationELB | unit | dimensions, beside LoadBalancer | made of |
|---|---|---|---|---|"""

_BUDGET = """\
## How many series there are

No metric of ours has more than {most_labels} labels, and no label is a request, a trace, a client's address or a URL.
Only `pod` and `target` grow with the number of pods; each laptop has at most {per_client} series by `client`. A test
holds the default world to these figures, and `journey bench` measures how long a scrape of {pods} pods takes (less than
150 ms).

| page | series for each pod, at most | series with {pods} pods, at most |
|---|---|---|
{pages}

| label | at most | what it tells apart |
|---|---|---|
{labels}
"""


def metrics_page() -> str:
    """The whole page, as Markdown."""
    sections = groupby(METRICS.values(), lambda metric: (metric.page, metric.section))
    parts = [_HEAD, _buckets()]
    parts += [_section(page, title, list(metrics)) for (page, title), metrics in sections]
    parts += [_cloudwatch(), _renamed(), _missing(), _budget()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _buckets() -> str:
    rows = [f"| {name} | {' '.join(map(_plain, bounds))} |" for bounds, name in BUCKETS.items()]
    return "\n".join(["## Buckets", "", "| list | upper bounds, in seconds |", "|---|---|", *rows])


def _plain(bound: float) -> str:
    return f"{bound:.5f}".rstrip("0").rstrip(".")


def _section(page: str, title: str, metrics: list[Metric]) -> str:
    where = "/metrics" if page == "world" else "/metrics/aws"
    rows = ["| metric | type | unit | labels | what it is |", "|---|---|---|---|---|"]
    return "\n".join([f"## {title}", "", f"On `{where}`.", "", *rows, *map(_row, metrics)])


def _row(metric: Metric) -> str:
    kind = f"{metric.kind} ({BUCKETS[metric.buckets]})" if metric.kind == "histogram" else metric.kind
    labels = ", ".join(f"`{label}`" for label in metric.all_labels)
    return f"| `{metric.name}` | {kind} | {metric.unit} | {labels} | {_cell(metric.help)} |"


def _cloudwatch() -> str:
    rows = [
        f"| `{each.name}` | {each.what}, {each.how} | {each.unit} | {_dimension(each)} | `{each.of}` |"
        for each in STATISTICS
    ]
    return "\n".join([_CLOUDWATCH, *rows])


def _dimension(statistic: Statistic) -> str:
    others = ((each for each in dimensions if each != LOAD_BALANCER) for dimensions in statistic.by)
    return ", ".join(" and ".join(f"`{each}`" for each in names) or "none" for names in map(list, others))


def _renamed() -> str:
    rows = ["| name | made of | what it is |", "|---|---|---|"]
    rows += [f"| `{metric.name}` | `{of}` | {_cell(metric.help)} |" for metric, of in RENAMED]
    return "\n".join(["## CoreDNS and the service graph", "", "On `/metrics/aws`.", "", *rows])


def _missing() -> str:
    rows = ["| metric | why not |", "|---|---|", *(f"| `{name}` | {why} |" for name, why in MISSING.items())]
    return "\n".join(["## What is not told", "", *rows])


def _budget() -> str:
    pages = [f"| `{page}` | {MOST_PER_POD[page]} | {most:,} |" for page, most in MOST_SERIES.items()]
    labels = [
        f"| `{label}` | {'one for each' if bound.most is None else bound.most} | {bound.what} |"
        for label, bound in LABELS.items()
    ]
    return _BUDGET.format(
        most_labels=MOST_LABELS,
        per_client=MOST_PER_CLIENT,
        pods=PODS,
        pages="\n".join(pages),
        labels="\n".join(labels),
    )


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
