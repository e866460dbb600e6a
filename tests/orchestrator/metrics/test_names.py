"""The table of metrics is what elements report, by name, kind, labels and buckets; and what labels may cost."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

from actors.protocols.alb_causes import Cause
from orchestrator.metrics.merging import Family
from orchestrator.metrics.names import METRICS, MISSING
from orchestrator.metrics.names.budget import (
    LABELS,
    MOST_LABELS,
    MOST_PER_CLIENT,
    MOST_PER_POD,
    MOST_SERIES,
    PODS,
)
from orchestrator.metrics.names.cloudwatch import GROUP, STATISTICS
from orchestrator.metrics.tiers import TIERS
from tests.orchestrator.metrics.worlds import default_with, series_of

ROOT = Path(__file__).parents[3]
TABLES = ROOT / "orchestrator" / "metrics"
OURS = [metric for metric in METRICS.values() if metric.name.startswith("journey_")]


def written() -> set[str]:
    """Texts of the code that begin as the name of a metric does, but for the tables themselves."""
    sources = [*(ROOT / "actors").rglob("*.py"), TABLES / "world_metrics.py", TABLES / "exporter.py"]
    sources += (ROOT / "orchestrator" / "control").glob("*.py")
    return {
        node.value
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def pages() -> list[Family]:
    exporter = default_with(3)
    return [*exporter.world(), *exporter.aws(60.0)]


def test_the_code_tells_every_metric_of_the_table_and_no_other():
    texts = written()
    assert METRICS.keys() - texts == set()
    ours = {
        text for text in texts if re.fullmatch(r"(journey|awscni|awslbc|apiserver)_[a-z0-9_]+[a-z0-9]", text)
    }
    assert ours - METRICS.keys() == set(), "a line in orchestrator/metrics/names says what it is"


def test_what_is_told_as_missing_is_missing():
    assert MISSING.keys().isdisjoint(METRICS)
    assert MISSING.keys().isdisjoint(written())


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_metric_is_named_and_told_as_prometheus_asks(metric):
    assert re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", metric.name)
    assert metric.help.endswith(".") and not metric.help.startswith(metric.name)
    assert len(set(metric.all_labels)) == len(metric.all_labels)
    assert set(metric.added) <= {"element", "client", "kind", "node", "tier", "process", "scenario"}
    if metric in OURS:
        assert (metric.kind == "counter") == metric.name.endswith("_total")
        assert (metric.kind == "info") == metric.name.endswith("_info")
        assert metric.kind != "histogram" or metric.unit == "seconds"
        assert not re.search(r"(milli|micro|nano)seconds|_ms|_kb|percent", metric.name)


def test_series_have_the_labels_of_the_table_and_histograms_its_buckets():
    families = pages()
    assert len(families) > 140
    for family in families:
        metric = family.metric
        for labels in (*family.values, *family.buckets):
            if metric.name in METRICS:
                assert {label for label, _ in labels} == set(metric.all_labels), metric.name
        assert {each.bounds for each in family.buckets.values()} <= {metric.buckets}, metric.name


def test_almost_all_metrics_are_there_from_the_beginning_even_at_zero():
    absent = METRICS.keys() - {family.metric.name for family in pages()}
    elsewhere = {name for name in absent if name.startswith(("journey_runtime_", "awscni_", "awslbc_"))}
    assert absent - elsewhere == {
        "apiserver_admission_webhook_request_total",
        "journey_alb_errors_total",
        "journey_alb_refused_documents_total",
        "journey_alb_target_deregistration_end_timestamp_seconds",
        "journey_build_info",
        "journey_cni_repair_failures_total",
        "journey_event_active",
        "journey_run_start_timestamp_seconds",
        "journey_scenario_info",
        "journey_vpc_dropped_packets_total",
        "journey_waf_requests_total",
    }


# ---- the label budget ------------------------------------------------------------------------------------------------


def test_every_label_has_something_that_bounds_it():
    assert {label for metric in METRICS.values() for label in metric.all_labels} == LABELS.keys()
    assert [metric.name for metric in OURS if len(metric.all_labels) > MOST_LABELS] == []
    assert not {"client_ip", "client_address", "url", "trace_id", "journey", "request_id"} & LABELS.keys()


def test_only_one_label_of_a_metric_of_ours_grows_with_pods():
    growing = {"pod", "target", "pod_ip"}
    for metric in OURS:
        with_pods = growing & set(metric.all_labels)
        assert len(with_pods) <= 1, metric.name
        assert not with_pods or metric.kind != "histogram", f"{metric.name}: a dozen series for each pod"


def test_a_client_has_few_series_and_one_histogram():
    clients = [each for each in default_with(3).world() if "client" in each.metric.all_labels]
    assert [each.metric.kind for each in clients].count("histogram") == 1
    assert {dict(labels)["client"] for each in clients for labels in (*each.values, *each.buckets)} == {
        "laptop"
    }
    assert 30 < series_of(clients).total() <= MOST_PER_CLIENT


def test_labels_have_no_more_values_than_they_may():
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for family in pages():
        for labels in (*family.values, *family.buckets):
            for label, value in labels:
                found[family.metric.name, label].add(value)
    for (metric, label), values in found.items():
        most = LABELS[label].most if label in LABELS else None
        assert most is None or len(values) <= most, f"{metric}: {label} is {sorted(values)}"
    assert LABELS["tier"].most == len(TIERS)
    assert len({cause.status for cause in Cause}) <= (LABELS["status"].most or 0)
    assert len(Cause) <= (LABELS["cause"].most or 0)


def test_500_pods_have_no_more_series_than_the_docs_say():
    small, large = default_with(3), default_with(23)
    for page in MOST_SERIES:
        few, many = (
            series_of(each.world() if page == "/metrics" else each.aws(60.0)).total()
            for each in (small, large)
        )
        per_pod = (many - few) / 20
        assert 5 < per_pod <= MOST_PER_POD[page]
        assert few + per_pod * (PODS - 3) <= MOST_SERIES[page]


# ---- CloudWatch ------------------------------------------------------------------------------------------------------


def test_cloudwatch_s_names_are_spelled_as_yace_spells_them():
    names = {statistic.name.removeprefix("aws_applicationelb_") for statistic in STATISTICS}
    assert len(names) == len(STATISTICS)
    assert names >= {
        "request_count_sum",
        "request_count_per_target_sum",
        "target_response_time_average",
        "target_response_time_p99",
        "httpcode_elb_5_xx_count_sum",
        "httpcode_elb_502_count_sum",
        "httpcode_target_5_xx_count_sum",
        "healthy_host_count_minimum",
        "un_healthy_host_count_sum",
        "active_connection_count_sum",
        "new_connection_count_sum",
        "rejected_connection_count_sum",
        "target_connection_error_count_sum",
        "processed_bytes_sum",
        "rule_evaluations_sum",
        "consumed_lcus_average",
        "client_tlsnegotiation_error_count_sum",
    }


def test_statistics_are_made_of_metrics_and_labels_that_there_are():
    for statistic in STATISTICS:
        labels = set(METRICS[statistic.of].all_labels)
        assert statistic.where.keys() <= labels, statistic
        assert not any(GROUP in each for each in statistic.by) or "target_group" in labels, statistic
