"""Panels ask for metrics that there are, by labels that these have."""

import re
from collections.abc import Iterator

from orchestrator.metrics.names import METRICS
from orchestrator.metrics.names.cloudwatch import PREFIX, STATISTICS
from tests.dashboards.promql import all_queries

PROMETHEUS_S_OWN = {"job", "instance", "le"}
MADE_BY_QUERIES = {"variant"}
_NAMES = re.compile(r"\b(?:journey|awscni|awslbc)_\w+")
_OF_A_HISTOGRAM = re.compile(r"_(?:bucket|sum|count)$")


def metrics_in(expr: str) -> Iterator[str]:
    for name in _NAMES.findall(re.sub(r'"[^"]*"', '""', expr)):
        yield name if name in METRICS else _OF_A_HISTOGRAM.sub("", name)


def labels_in(expr: str) -> set[str]:
    """Labels that are grouped by or matched."""
    groups = re.findall(r"\b(?:by|on|ignoring|group_left)\s*\(([^()]*)\)", expr)
    matchers = re.findall(r"\{([^{}]*)\}", expr)
    grouped = {label.strip() for group in groups for label in group.split(",") if label.strip()}
    return grouped | {name for matcher in matchers for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matcher)}


def test_every_metric_of_a_panel_is_one_that_is_told():
    unknown = {name for _, _, query in all_queries() for name in metrics_in(query.expr)} - METRICS.keys()
    assert unknown == set()


def test_panels_group_and_match_by_labels_that_their_metrics_have():
    for page, panel, query in all_queries():
        metrics = [METRICS[name] for name in metrics_in(query.expr)]
        if metrics:
            known = {label for metric in metrics for label in metric.all_labels}
            asked = labels_in(query.expr)
            assert asked <= known | PROMETHEUS_S_OWN | MADE_BY_QUERIES, f"{page.uid}, {panel.title}"


def test_the_legend_names_labels_that_the_answer_has():
    for page, panel, query in all_queries():
        named = set(re.findall(r"\{\{(\w+)\}\}", query.legend))
        assert named <= labels_in(query.expr), f"{page.uid}, {panel.title}"


def test_cloudwatch_s_statistics_have_the_names_that_are_made():
    made = {statistic.name for statistic in STATISTICS}
    for page, panel, query in all_queries():
        assert set(re.findall(rf"\b{PREFIX}\w+", query.expr)) <= made, f"{page.uid}, {panel.title}"
