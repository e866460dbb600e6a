"""`docs/dashboards.md`: what each dashboard answers, and what one should see in its panels."""

from collections.abc import Iterator

from dashboards.model import Page, Panel
from dashboards.pages import PAGES

_HEAD = """\
# Dashboards

<!-- Made from dashboards/pages by `make dashboards`; change the descriptions there. -->

Grafana shows them when it is provisioned with [dashboards/provisioning](../dashboards/provisioning): a data source with
the uid `prometheus` and the files of [dashboards/json](../dashboards/json). They are written in Python
([dashboards/pages](../dashboards/pages)) and rendered by grafana-foundation-sdk: `make dashboards` writes the JSON,
`python -m dashboards check` says what is stale. A test scrapes a running world with Prometheus and asks it every query
of every panel; a panel that may have nothing to show in a healthy world says when.

Percentiles on dashboards are estimated from histogram buckets; reports of runs have the exact ones. `journey_*` is the
emulated world in its own time, `journey_runtime_*` what the emulator costs on this machine.

Prometheus reads [dashboards/prometheus/prometheus.yml](../dashboards/prometheus/prometheus.yml); the alerts and
recording rules are in [rules.yml](../dashboards/prometheus/rules.yml). Events (faults, settings, what a scenario does,
elements that are down) are vertical lines on every graph; [metrics](metrics.md) has all that can be asked for. Without
containers, Debian's `prometheus` does for a world that `journey up` or `journey run` has started:

```sh
sed s/orchestrator:9464/127.0.0.1:9464/ dashboards/prometheus/prometheus.yml > /tmp/prometheus.yml
cp dashboards/prometheus/rules.yml /tmp/
prometheus --config.file=/tmp/prometheus.yml --storage.tsdb.path=/tmp/prometheus --web.listen-address=127.0.0.1:9090
```
"""


def handbook() -> str:
    """The whole page, as Markdown."""
    parts = [_HEAD, _table(), *(_chapter(page) for page in PAGES)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table() -> str:
    rows = ["| dashboard | the question that it answers |", "|---|---|"]
    rows += [f"| [{page.title}](#{page.uid}) | {page.question} |" for page in PAGES]
    return "\n".join(rows)


def _chapter(page: Page) -> str:
    return "\n".join([f'<a id="{page.uid}"></a>', f"## {page.title}", "", page.question, "", *_lines(page)])


def _lines(page: Page) -> Iterator[str]:
    for panel in page.every_panel():
        if panel.queries:
            yield f"- **{panel.title}**: {seen_in(panel)}"


def seen_in(panel: Panel) -> str:
    """What one should see in a panel, and when it may be empty."""
    return f"{panel.description} Empty {panel.may_be_empty}." if panel.may_be_empty else panel.description
